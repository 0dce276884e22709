--~@@@@@@@A
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
local m = {__concat = function(a, b) deep(100) return "r" end, __index = function(t, k) deep(50) return k end,
  __lt = function() collectgarbage() deep(70) return true end, __call = function(_, ...) deep(60) return ... end}
local x = setmetatable({}, m)
local t = setmetatable({}, setmetatable({__newindex = {}}, {__mode = "v"}))
for i = 1, 9 do t[i] = {x} end
return coroutine.wrap(function() return x .. "a" .. x .. "b", x.k .. x.l, x < x, x(x(1, 2), 3) end)()
