-- Stacks without end: Lua's, C's, and those of coroutines.

--# recursion -> limit, memory
local function f() return 1 + f() end
return f()

--# recursion_with_many_locals -> limit, memory
local function f(...)
    local a, b, c, d, e, g, h, i, j, k, l, m, n = ...
    return 1 + f(a, b, c, d, e, g, h, i, j, k, l, m, n, ...)
end
return f(1, 2, 3)

--# recursion_that_is_caught -> cpu
local function f() return 1 + f() end
while true do pcall(f) end

--# loop_on_a_deep_stack -> cpu, memory
local function f(n) if n == 0 then while true do end end return 1 + f(n - 1) end
return f(50000)

--# pcall_on_a_deep_stack -> cpu, memory
local function f(n)
    if n == 0 then while true do pcall(error) end end
    return 1 + f(n - 1)
end
return f(50000)

--# up_and_down_a_deep_stack -> cpu, memory
local function f(n) if n > 0 then f(n - 1) end end
while true do f(40000) end

--# recursion_through_pcall -> value, memory, runtime, cpu
local function f() local ok, e = pcall(f) return ok end
return f()

--# recursion_through_index -> limit, memory
local t = setmetatable({}, {})
getmetatable(t).__index = function(t, k) return t[k .. "x"] end
return t.x

--# recursion_through_metamethods -> limit
local mt = {}
mt.__add = function(a, b) return a + b end
mt.__lt = function(a, b) return a < b end
mt.__concat = function(a, b) return a .. b end
mt.__eq = function(a, b) return a == b end
mt.__len = function(a) return #a end
local a, b = setmetatable({}, mt), setmetatable({}, mt)
assert(not pcall(function() return a + b end))
assert(not pcall(function() return a < b end))
assert(not pcall(function() return a .. b end))
assert(not pcall(function() return #a end))
return a == b

--# recursion_through_tostring -> limit
local t = setmetatable({}, { __tostring = function(t) return tostring(t) .. ("%s"):format(t) end })
return tostring(t)

--# recursion_through_gsub -> limit, memory
local function f(s) return (s:gsub(".", f)) end
return f("x")

--# recursion_through_sort -> limit, memory
local function f() table.sort({ 2, 1 }, f) return true end
return f()

--# recursion_through_sort_loops -> cpu
local function f() table.sort({ 2, 1 }, f) return true end
while true do pcall(f) end

--# recursion_through_load -> runtime, memory
local function f() return load(f) and nil end
f()
local function g() return assert(load(g)) end
return g()

--# recursion_through_iterators -> limit, memory
local function f() for _ in f do end end
f()

--# recursion_through_close -> limit, memory
local mt = {}
mt.__close = function() local c <close> = setmetatable({}, mt) end
local c <close> = setmetatable({}, mt)

--# recursion_through_xpcall_handlers -> value, runtime, memory
local function handler(m) return select(2, xpcall(error, handler, m)) end
return type(handler("x"))

--# recursion_through_error_handlers -> value, runtime, memory
return (xpcall(error, function(m) error(m) end, "x"))

--# coroutines_in_coroutines -> value, runtime, memory, limit
local function f(n)
    local co = coroutine.wrap(f)
    return co(n + 1)
end
local ok, e = pcall(f, 1)
assert(not ok)
return "deep"

--# coroutines_in_coroutines_caught -> cpu
local function f() return coroutine.resume(coroutine.create(f)) end
while true do f() end

--# coroutines_too_short_to_count -> cpu
-- None of them runs as many instructions as pass between two looks, where those are counted.
local function nest(n)
    if n == 0 then return end
    for i = 1, 20 do coroutine.wrap(nest)(n - 1) end
end
while true do nest(6) end

--# coroutines_300_deep_that_yield -> value, runtime
local function nest(n)
    if n == 0 then return coroutine.yield("bottom") end
    local inner = coroutine.wrap(nest)
    return coroutine.yield(inner(n - 1))
end
return (pcall(coroutine.wrap(nest), 300))

--# unpack_beyond_the_stack -> value, memory
assert(not pcall(table.unpack, {}, 1, 1 << 24))
assert(not pcall(table.unpack, {}, 1, 1 << 31))
assert(not pcall(table.unpack, {}, math.mininteger, math.maxinteger))
assert(not pcall(string.byte, ("x"):rep(3000000), 1, -1))

--# varargs_beyond_the_stack -> cpu
local function f(...) return f(1, ...) end
return (pcall(f))

--# select_over_many -> cpu
local function f(...) while true do select(-1, ...) end end
f(table.unpack({}, 1, 20000))

--# chain_of_parked_coroutines_that_close_one_another -> value, limit, memory
-- Lua begins to count C calls anew in each of them.
local cos, i = {}, 1
local mt = {}
mt.__close = function()
    i = i + 1
    if cos[i] then coroutine.close(cos[i]) end
end
for k = 1, 4000 do
    cos[k] = coroutine.create(function() local c <close> = setmetatable({}, mt) coroutine.yield() end)
    coroutine.resume(cos[k])
end
local ok, e = coroutine.close(cos[1])
if not ok then error(e) end

--# close_chain_on_a_coroutine -> value, runtime, memory
local mt = {}
mt.__close = function()
    local co = coroutine.create(function() local c <close> = setmetatable({}, mt) coroutine.yield() end)
    coroutine.resume(co)
    coroutine.close(co)
end
mt.__close()
