-- To name the value of an error, Lua followed the chain of fields that led to it by recursion in C, without a bound.
-- Upstream 7923dbbf; seen in 5.4.2 to 5.4.4.
local a = {}
a.b = a
local f = assert(load("local a = ... return a" .. (".b"):rep(12000) .. " + 1"))
local ok, message = pcall(f, a)
return not ok and message:find("attempt to perform arithmetic on a table value", 1, true) ~= nil or message
