-- Coroutines that are not the script's, or not where they seem to be.

--# the_main_coroutine_cannot_be_resumed -> value
local main = coroutine.running()
local ok, message = coroutine.resume(main)
assert(not ok and message:find("non%-suspended"))
local inside = coroutine.wrap(function() return coroutine.resume(main) end)
assert(inside() == false)
assert(not pcall(coroutine.close, main))

--# a_coroutine_cannot_resume_itself_or_its_resumer -> value
local outer
outer = coroutine.create(function()
    assert(not coroutine.resume(coroutine.running()))
    local inner = coroutine.create(function()
        assert(not coroutine.resume(outer))
        assert(not pcall(coroutine.close, outer))
    end)
    assert(coroutine.resume(inner))
end)
assert(coroutine.resume(outer))

--# a_yield_out_of_the_script_is_an_error -> value
assert(not pcall(coroutine.yield, 1))
assert(not pcall(pcall, coroutine.yield) or true)
assert(not coroutine.isyieldable())

--# a_coroutine_that_waits_for_the_host_cannot_be_resumed -> value
local waiting = coroutine.create(function() return fetch("a") end)
local spy = coroutine.wrap(function()
    coroutine.resume(waiting)
    return coroutine.status(waiting)
end)
assert(spy() == "dead")
assert(not coroutine.resume(waiting))

--# values_cannot_be_stolen_from_a_wrap -> value
local give = coroutine.wrap(function(...) for i = 1, select("#", ...) do coroutine.yield((select(i, ...))) end end)
assert(give(1, 2) == 1 and give("ignored") == 2)
give()
assert(not pcall(give))

--# the_patterns_of_a_coroutine_library_made_anew -> value
-- Each of its functions with each kind of value.
for _, f in pairs(coroutine) do
    for _, value in ipairs { 1, "x", {}, print, coroutine.create(print), json.null, true } do
        if f ~= coroutine.yield then pcall(f, value, value) end
    end
    if f ~= coroutine.yield then pcall(f) end
end

--# every_function_with_every_kind_of_value -> value, memory, cpu
local values = { 0, -1, 1 << 62, math.mininteger, 0.5, 0 / 0, 1 / 0, "", "x", "%b", ("x"):rep(100), {}, { 1, 2 }, print,
    coroutine.create(print), json.null, true, setmetatable({}, { __index = function() return 1 end, __len = function()
        return 3 end, __lt = function() return true end, __concat = function() return "c" end }) }
for name, library in pairs { s = string, t = table, m = math, u = utf8, o = os, j = json } do
    for _, f in pairs(library) do
        if type(f) == "function" then
            for _, a in ipairs(values) do
                for _, b in ipairs(values) do pcall(f, a, b, a) end
            end
        end
    end
end
