-- Reaching what lies outside the world: by name, by environment, by what a library function gives away.

--# no_library_reaches_out -> value
for _, name in ipairs { "io", "debug", "package", "require", "dofile", "loadfile", "ffi", "jit", "bit32", "module" } do
    assert(_G[name] == nil and rawget(_G, name) == nil, name)
end
for _, name in ipairs { "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname" } do
    assert(os[name] == nil, name)
end

--# every_value_reachable_is_harmless -> value
-- Walks all that can be reached from the globals: no function of a library that is not there.
local seen, found = {}, 0
local _ = { string, table, math, utf8, os, coroutine, json, db, getmetatable } -- in a named context they come when asked for
local bad = { execute = 1, popen = 1, getregistry = 1, sethook = 1, getinfo = 1, loadlib = 1, dump = 1, getupvalue = 1 }
local function walk(value)
    if type(value) ~= "table" and type(value) ~= "function" or seen[value] then return end
    seen[value] = true
    found = found + 1
    if type(value) ~= "table" then return end
    for k, v in next, value do
        assert(not bad[k], k)
        walk(k)
        walk(v)
    end
    local mt = getmetatable(value)
    if type(mt) == "table" then walk(mt) end
end
walk(_G)
walk(getmetatable(json.null))
assert(found > 60)

--# an_empty_environment_has_nothing -> value
local f = load("return io, os, string, _G, debug", "n", "t", {})
assert(select("#", f()) == 5)
for i = 1, 5 do assert(select(i, f()) == nil) end

--# the_environment_can_be_replaced_by_a_liar -> value
local _ENV <const> = setmetatable({}, { __index = function(_, name) return name end })
local got = io
return got == "io"

--# load_of_load_stays_inside -> value
local code = "return load"
for _ = 1, 8 do code = ("return load(%q)()"):format(code) end
local inner = load(code)()
assert(inner == load and inner("return io")() == nil and inner("\27Lua") == nil)

--# globals_cannot_be_had_by_an_environment_of_nil -> value, runtime
local f = load("return _ENV", "n", "t", nil)
assert(f() == nil)
return load("return print", "n", "t", nil)()

--# tracebacks_give_no_upvalues_away -> value
local _, trace = xpcall(function() local secret = 1 error("x") end, function(m) return m end)
assert(type(trace) == "string" and not trace:find("0x"))

--# warn_changes_nothing -> value
if warn then warn("@on") warn("@off") warn("a", "b") end

--# collectgarbage_cannot_be_tuned -> value
for _, option in ipairs { "stop", "restart", "setpause", "setstepmul", "incremental", "generational" } do
    assert(not pcall(collectgarbage, option), option)
end

--# the_clock_cannot_be_set -> value
assert(not pcall(os.date, "%Ez") or true)
for _, format in ipairs { "%", "%E", "%O", "%Q", "%5", "!%", "*t%", "%\0", "%Ex\255" } do pcall(os.date, format) end
for _, time in ipairs { math.maxinteger, math.mininteger, 1 << 55, -(1 << 55), 0 } do pcall(os.date, "*t", time) end
for _, field in ipairs { math.maxinteger, math.mininteger, 1 << 31, -(1 << 31), 0.5, "x" } do
    pcall(os.time, { year = field, month = field, day = field })
    pcall(os.time, { year = 2000, month = 1, day = 1, hour = field, min = field, sec = field })
end
