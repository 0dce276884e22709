-- In a named context, with the context's own globals: what scripts share there by will must not harm what they do not share.

--# shared_names_of_lua_stay -> value; shared
left_open = true
local before = string
string = { left = true }
string.rep = function() return "left" end
pcall = nil
print = function() return "left" end
fetch = print
return before ~= nil

--# shared_globals_emptied -> value; shared
local _G, next, rawset = _G, next, rawset
for _, library in ipairs { string, table, math } do for name in next, library do library[name] = nil end end
for name in next, _G do rawset(_G, name, nil) end

--# shared_globals_with_a_metatable -> value; shared
pcall(setmetatable, _G, { __index = function() while true do end end, __newindex = function() while true do end end,
    __metatable = "mine", __mode = "kv", __pairs = error })
return 1

--# shared_globals_as_an_array -> value; shared
json.array(_G)
json.array(string)

--# shared_globals_by_raw_access -> value; shared
rawset(_G, "string", { left = true })
rawset(_G, 1, "left")
rawset(_G, {}, "left")
rawset(string, "left", "left")

--# shared_coroutine_kept -> value; shared
kept = coroutine.create(function() while true do coroutine.yield(fetch("x")) end end)
coroutine.resume(kept)

--# shared_coroutine_waits -> value; shared
-- It waits for its own eval's request while the next script has it in its hands.
waiting = coroutine.create(function() return fetch("slow") end)
main = coroutine.running()
coroutine.resume(waiting)
return 1

--# another_ones_coroutine_is_not_to_be_resumed -> value, runtime; shared; after shared_coroutine_waits
for _ = 1, 3 do
    for _, co in ipairs { waiting, main } do
        pcall(coroutine.resume, co)
        pcall(coroutine.close, co)
        pcall(coroutine.wrap(function() return coroutine.resume(co) end))
    end
end

--# shared_loop -> cpu, timeout; shared
spin = coroutine.wrap(function() while true do end end)
shared = setmetatable({}, { __index = function() while true do end end })
while true do end

--# another_ones_loop_in_my_time -> cpu, runtime, timeout; shared; after shared_loop
-- Calls what the other left running or set up; it is this one's processor time then.
for _ = 1, 100 do
    if spin then pcall(spin) end
    local _ = shared and shared.x
end
while true do end

--# shared_closure_over_fetch -> value; shared; after shared_coroutine_waits
ask_later = function(...) return fetch(...) end
local got = ask_later(7)
assert(got == 7)
main2 = coroutine.running()

--# shared_memory_filled -> memory; shared; fills
hoard = {}
while true do hoard[#hoard + 1] = {} end

--# shared_error_objects -> host, runtime; shared; host error
local _, e = pcall(fetch, 1)
kept_error = e
e.message = setmetatable({}, { __tostring = function() while true do end end })
error(e)

--# shared_random_numbers -> value; shared
math.randomseed(42)
math.random = function() return 4 end
