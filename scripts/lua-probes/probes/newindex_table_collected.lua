-- A store goes to the table that a weak metatable names as __newindex. Nothing held that table while it grew, and a
-- collection at that moment freed it.
-- Upstream 983bc433; seen in 5.4.2 to 5.4.7.
local target = {}
local t = setmetatable({}, setmetatable({ __newindex = target }, { __mode = "v" }))
target = nil
refuse(1)
t.x = 1
return rawget(t, "x") == nil
