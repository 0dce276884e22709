-- Metamethods that lie to whoever converts.

--# pairs_and_index_are_not_asked -> value
local asked = false
local function lie() asked = true return function() return 1, 1 end end
local t = setmetatable({ x = 1 }, { __pairs = lie, __index = lie, __len = lie, __tostring = lie, __name = "x" })
local back = fetch(t)
assert(not asked and back.x == 1)
return t

--# a_length_that_lies -> value
return setmetatable({ 1, 2, 3 }, { __len = function() return 1 << 60 end })

--# an_index_that_loops -> value
return setmetatable({}, { __index = function() while true do end end, __pairs = function() while true do end end })

--# an_array_with_a_lying_metatable -> value
local t = json.array { 1, 2 }
setmetatable(t, { __index = function() while true do end end, __len = function() return -1 end })
return t

--# json_array_of_everything -> value
for _, value in ipairs { 1, "x", true, print, json.null } do assert(not pcall(json.array, value)) end
local t = json.array(json.array(json.array {}))
assert(not pcall(json.array, setmetatable({}, { __metatable = false })) or true)
return t

--# an_array_with_names -> conversion
local t = json.array {}
t.name = 1
return t

--# an_array_with_fractions -> conversion
return json.array { [1.5] = 1 }

--# an_array_of_holes -> limit, value, conversion, cpu
local t = json.array {}
t[1 << 40] = 1
return t

--# an_array_with_a_negative_index -> conversion
return json.array { [-1] = 1, [0] = 2 }

--# null_as_a_key -> conversion
return { [json.null] = 1 }

--# numbers_at_the_edges -> value
return { math.maxinteger, math.mininteger, 1e308, 5e-324, -0.0, 2 ^ 53, 0.1 }

--# arguments_like_results -> value
local deep, cycle = {}, {}
for _ = 1, 1000 do deep = { deep } end
cycle.c = cycle
for _, value in ipairs { deep, cycle, { 1, x = 1 }, { [true] = 1 }, 0 / 0, "\xff", print, ("x"):rep(2000000) } do
    local ok, e = pcall(fetch, value)
    assert(not ok and (e.type == "conversion" or e.type == "limit"), e)
    ok, e = pcall(ask, value)
    assert(not ok and (e.type == "conversion" or e.type == "limit"), e)
end

--# conversions_without_end -> cpu
local t = {}
for i = 1, 2000 do t[i] = { i, tostring(i) } end
while true do pcall(ask, t) pcall(ask, { t, print }) end

--# a_big_conversion_at_the_end -> value, limit, cpu
local t = {}
for i = 1, 50000 do t[i] = "" end
return t
