-- Metamethods that go round in circles, or lie about how long things are.

--# index_functions_in_a_circle -> cpu
local a, b = {}, {}
setmetatable(a, { __index = function(_, k) pcall(function() return b[k] end) return b[k] end })
setmetatable(b, { __index = function(_, k) while true do local _ = pcall(rawget, a, k) end end })
return a.x

--# index_tables_in_a_circle -> runtime
local t = {}
setmetatable(t, { __index = t })
getmetatable(t).__index = t
return t.x

--# newindex_tables_in_a_circle -> runtime
local t = {}
setmetatable(t, { __newindex = t })
t.x = 1

--# call_metamethods_in_a_row -> cpu, runtime
local t = print
for _ = 1, 180 do t = setmetatable({}, { __call = t }) end
while true do pcall(t) end

--# length_that_loops -> cpu
return #setmetatable({}, { __len = function() while true do end end })

--# concat_that_loops -> cpu
return setmetatable({}, { __concat = function() while true do end end }) .. "x"

--# eq_that_loops -> cpu
local mt = { __eq = function() while true do end end }
return setmetatable({}, mt) == setmetatable({}, mt)

--# arithmetic_that_loops -> cpu
local mt = {}
for _, name in ipairs { "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "bnot" } do
    mt["__" .. name] = function() while true do end end
end
local t = setmetatable({}, mt)
while true do pcall(function() return t + 1 end) pcall(function() return ~t end) end

--# tostring_that_loops -> cpu
print(setmetatable({}, { __tostring = function() while true do end end }))

--# tostring_that_loops_in_format -> cpu
return ("%s"):format(setmetatable({}, { __tostring = function() while true do end end }))

--# name_that_is_long -> cpu
local t = setmetatable({}, { __name = ("n"):rep(100000) })
while true do pcall(string.rep, t) tostring(t) end

--# lt_that_loops_in_sort -> cpu
local mt = { __lt = function() while true do end end }
table.sort { setmetatable({}, mt), setmetatable({}, mt), setmetatable({}, mt) }

--# c_functions_as_metamethods -> cpu
local t = setmetatable({}, { __index = rawlen, __newindex = rawequal, __len = function() return 1 << 60 end })
while true do pcall(table.insert, t, 1, "x") pcall(table.move, t, 1, 1 << 60, 2) end
