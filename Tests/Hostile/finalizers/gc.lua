-- Finalizers would run at a moment, and on a stack, that nobody can foresee: there are none.

--# gc_is_refused -> value
for _, gc in ipairs { function() end, true, false, 1, "x", {} } do
    assert(not pcall(setmetatable, {}, { __gc = gc }))
end

--# gc_put_in_later -> value
local ran = false
local mt = {}
for _ = 1, 100 do setmetatable({}, mt) end
mt.__gc = function() ran = true end
for _ = 1, 3 do collectgarbage() end
assert(not ran)

--# gc_by_a_metatable_with_a_metatable -> value
local ran = false
local mt = setmetatable({}, { __index = function(_, k) if k == "__gc" then return function() ran = true end end end })
pcall(setmetatable, {}, mt)
pcall(setmetatable, {}, setmetatable({}, { __index = { __gc = function() ran = true end } }))
for _ = 1, 3 do collectgarbage() end
assert(not ran)

--# gc_by_the_mark_of_arrays -> value
local ran = false
local list = json.array {}
local mt = getmetatable(list) or {}
pcall(function() mt.__gc = function() ran = true end end)
for _ = 1, 100 do json.array {} end
for _ = 1, 3 do collectgarbage() end
assert(not ran)

--# gc_that_resurrects -> value
local kept = {}
pcall(setmetatable, {}, { __gc = function(t) kept[#kept + 1] = t end })
for _ = 1, 3 do collectgarbage() end
assert(#kept == 0)

--# gc_between_the_looks -> value
-- The metatable changes while it is being looked at: not even then.
local ran = false
local mt = setmetatable({}, { __pairs = function() error("asked") end, __len = function() error("asked") end })
setmetatable({}, mt)
rawset(mt, "__gc", function() ran = true end)
assert(not pcall(setmetatable, {}, mt))
for _ = 1, 3 do collectgarbage() end
assert(not ran)

--# modes_of_every_kind -> value
for _, mode in ipairs { "k", "v", "kv", "", "x", 1, true, {}, print, ("k"):rep(100000) } do
    local t = setmetatable({}, { __mode = mode })
    for i = 1, 100 do t[{}] = i t[i] = {} end
    collectgarbage()
    for k, v in pairs(t) do t[k] = v end
end

--# a_mode_that_changes -> value
local mt = { __mode = "k" }
local t = setmetatable({}, mt)
for i = 1, 1000 do
    t[{}] = {}
    mt.__mode = ({ "k", "v", "kv", "" })[i % 4 + 1]
    if i % 100 == 0 then collectgarbage("step") end
end

--# close_of_what_has_no_handler -> runtime
local c <close> = setmetatable({}, {})

--# close_whose_handler_goes_away -> runtime
local mt = { __close = function() end }
local c <close> = setmetatable({}, mt)
mt.__close = nil

--# close_whose_handler_is_no_function -> runtime
local c <close> = setmetatable({}, { __close = 1 })

--# close_of_nil_and_false -> value
local a <close> = nil
local b <close> = false

--# close_handlers_in_an_order_that_fails -> runtime
local seen = {}
local mt = { __close = function(_, e) seen[#seen + 1] = tostring(e) error("next", 0) end }
local a <close> = setmetatable({}, mt)
local b <close> = setmetatable({}, mt)
error("first", 0)

--# close_of_a_coroutine_that_waits -> value
local co = coroutine.create(function()
    local c <close> = setmetatable({}, { __close = function() pcall(fetch, 1) end })
    coroutine.yield()
end)
coroutine.resume(co)
coroutine.close(co)
assert(coroutine.status(co) == "dead")

--# coroutines_left_open -> value
for _ = 1, 100 do
    local co = coroutine.wrap(function()
        local c <close> = setmetatable({}, { __close = function() while true do end end })
        coroutine.yield()
    end)
    co()
end
