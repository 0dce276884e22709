-- What one eval could leave behind for the next: the canary looks for it.

--# globals_left_behind -> value
left = "behind"
_G.left = "behind"
rawset(_G, "left", "behind")
_ENV.left = "behind"

--# libraries_emptied -> value
local globals = _G
for _, library in ipairs { string, table, math, coroutine, utf8, os, json } do
    for name in next, library do library[name] = nil end
end
for name in next, globals do globals[name] = nil end

--# libraries_replaced -> value
local _setmetatable, _pairs, _G = setmetatable, pairs, _G
for name, value in _pairs(_G) do
    if type(value) == "table" and value ~= _G then
        for member in _pairs(value) do value[member] = function() return "left" end end
        value.left = true
    end
end
string, table, math, pairs, next, type = nil, nil, nil, nil, nil, nil

--# libraries_with_metatables -> value
for _, library in ipairs { string, table, math, coroutine, utf8, os, json, db } do
    setmetatable(library, { __index = function() return "left" end, __newindex = function() end, __metatable = "left" })
end
pcall(setmetatable, _G, { __index = function() return "left" end, __metatable = "left" })

--# random_numbers_seeded -> value
math.randomseed(42)
math.randomseed(0, 0)
math.randomseed(1 << 62)
math.random()

--# coroutines_left_suspended -> value
left = {}
for i = 1, 50 do
    left[i] = coroutine.create(function() while true do coroutine.yield(fetch) end end)
    coroutine.resume(left[i])
end

--# garbage_left_behind -> value
left = {}
for i = 1, 20000 do left[i] = { i } end

--# methods_of_strings_left_behind -> value
string.left = function() return "left" end
string.upper = function() return "left" end
string.__index = function() return "left" end
assert(("x").left ~= nil or true)

--# host_functions_replaced -> value
fetch, ask = print, print
db.find = print
db = { find = print, left = true }

--# error_objects_left_behind -> value; host error
local _, e = pcall(fetch, 1)
e.left = e
left = e
string.left = e
