-- Errors as weapons: whoever describes them must not be led.

--# an_error_whose_text_loops -> cpu
error(setmetatable({}, { __tostring = function() while true do end end }))

--# an_error_whose_text_fails -> runtime
error(setmetatable({}, { __tostring = function() error("again") end }))

--# an_error_whose_text_is_no_text -> runtime
error(setmetatable({}, { __tostring = function() return {} end }))

--# an_error_whose_text_fails_for_ever -> runtime, cpu, memory
local mt = {}
mt.__tostring = function() error(setmetatable({}, mt)) end
error(setmetatable({}, mt))

--# an_error_whose_text_is_recursion -> runtime, memory
local mt = {}
mt.__tostring = function(e) return tostring(e) end
error(setmetatable({}, mt))

--# an_error_whose_fields_lie -> runtime
error(setmetatable({}, { __index = function() while true do end end, __pairs = function() while true do end end,
    __len = function() while true do end end, __name = ("x"):rep(100000), __metatable = "locked" }))

--# an_error_whose_text_waits_for_the_host -> runtime; host echo
error(setmetatable({}, { __tostring = function() return fetch("text") end }))

--# an_error_whose_text_yields -> runtime
error(setmetatable({}, { __tostring = function() return coroutine.yield("text") end }))

--# an_error_with_a_cycle -> runtime
local e = { message = "cyclic" }
e.e = e
error(e)

--# an_error_with_deep_data -> runtime
local t = {}
for _ = 1, 10000 do t = { t } end
error { message = "deep", data = t }

--# an_error_with_huge_data -> runtime
local t = {}
for i = 1, 200000 do t[i] = i end
error(t)

--# an_error_with_a_huge_text -> runtime, memory, limit
error(("x"):rep(3000000))

--# an_error_with_a_text_that_is_no_utf8 -> runtime
error("\xff\xfe\0\1")

--# an_error_of_nil -> runtime
error(nil)

--# an_error_without_anything -> runtime
error()

--# an_error_of_every_kind -> runtime
for _, value in ipairs { 1, 1.5, true, print, json.null, coroutine.create(print) } do assert(not pcall(error, value)) end
error(coroutine.create(print))

--# an_error_that_pretends -> runtime
error { type = "cpu", message = "not the limit", ["function"] = "fetch", host_type = "x", data = 1 }

--# an_error_object_that_pretends -> value, runtime, limit, host, timeout; host error
local _, e = pcall(fetch, 1)
e.type, e.message, e["function"] = "cancelled", "pretends", ("f"):rep(100000)
e.data = setmetatable({}, { __index = error })
error(e)

--# an_error_object_with_a_cycle_inside -> host; host error
local _, e = pcall(fetch, 1)
e.data = e
error(e)

--# errors_with_levels_beyond_everything -> runtime
for _, level in ipairs { math.maxinteger, math.mininteger, -1, 0, 1 << 31, 100000 } do pcall(error, "x", level) end
error("x", 1 << 40)

--# an_error_with_a_long_chunk_name -> runtime
load("error('x')", "=" .. ("n"):rep(1000000))()

--# an_error_in_the_handler_of_the_handler -> value
local ok, e = xpcall(function() error("one") end, function() error("two") end)
assert(not ok)

--# a_handler_that_recurses -> value, runtime, memory
local function deep(m) return deep(m) .. m end
local ok = xpcall(error, deep, "x")
assert(not ok)

--# assert_with_a_hostile_message -> runtime
assert(false, setmetatable({}, { __tostring = error, __name = 1 }))

--# errors_about_hostile_names -> value
local t = setmetatable({}, { __name = "\xff\0%s%n" })
for _, f in ipairs { string.rep, table.concat, math.floor, utf8.char, coroutine.resume, setmetatable } do
    local ok, e = pcall(f, t)
    assert(not ok or f == table.concat)
end
