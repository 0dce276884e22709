-- Metatables that more than one script would see, or that the library itself asks.

--# the_metatable_of_strings_is_out_of_reach -> value
assert(getmetatable("") == false)
assert(not pcall(setmetatable, "", {}))
assert(not pcall(function() getmetatable("").__index = {} end))
assert(not pcall(rawset, getmetatable(""), "__index", {}))
assert(not pcall(function() ("").left = 1 end))

--# string_methods_can_be_changed_for_oneself_alone -> value
string.rep = function() return "mine" end
string.left = function() return "left" end
string.format, string.find, string.gsub = nil, nil, nil
return ("x"):rep(2)

--# the_metatable_of_null_is_out_of_reach -> value
local mt = getmetatable(json.null)
assert(type(mt) ~= "table")
assert(not pcall(setmetatable, json.null, {}))
assert(not pcall(json.array, json.null))
assert(not pcall(function() json.null.x = 1 end) and not pcall(function() return json.null.x end))

--# the_metatable_of_error_objects_is_out_of_reach -> value; host error
local ok, e = pcall(fetch, 1)
assert(not ok and type(e) == "table" and getmetatable(e) == false)
assert(not pcall(setmetatable, e, {}))
e.message = setmetatable({}, { __tostring = error })
assert(tostring(e) == "(error without a message)")
e.message = nil
return (tostring(e))

--# an_error_object_cannot_be_made_an_array -> value; host error
-- It would lose its metatable by that, which is closed.
local _, e = pcall(fetch, 1)
local ok, message = pcall(json.array, e)
assert(not ok and message:find("cannot change a protected metatable", 1, true))
assert(getmetatable(e) == false)

--# the_mark_of_arrays_is_out_of_reach -> value
local list = json.array {}
assert(getmetatable(list) == nil)
local stolen
setmetatable(list, { __index = function(t) stolen = getmetatable(t) end })
local _ = list.x
assert(stolen.__index)
assert(getmetatable(json.array {}) == nil)

--# an_array_of_the_globals -> value, runtime
-- In a named context these are the layers by which an eval finds the libraries: it loses them for itself.
json.array(string)
json.array(_G)
json.array(json)
assert(string.rep("x", 2) == "xx")

--# metatables_of_the_types_cannot_be_set -> value
for _, value in ipairs { 1, true, print, coroutine.create(print) } do
    assert(not pcall(setmetatable, value, { __index = {} }))
end
assert(not pcall(setmetatable, nil, {}))

--# a_metatable_that_locks_itself -> value
local mt = {}
mt.__metatable = mt
mt.__index = mt
mt.__newindex = mt
local t = setmetatable({}, mt)
assert(getmetatable(t) == mt and not pcall(setmetatable, t, nil))

--# globals_that_ask_back -> value
pcall(setmetatable, _G, { __index = function(_, k) return k end, __newindex = function(t, k, v) rawset(t, k, v) end })
return io == "io"
