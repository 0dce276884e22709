local function deep(n) return n == 0 and ask() or 1 + deep(n - 1) end
print(pcall(deep, 150), pcall(deep, -1))
local t = setmetatable({}, {}) getmetatable(t).__index = t pcall(function() return t.x end)
local function nest(n) return coroutine.wrap(function() if n > 0 then return nest(n - 1) end return ask() end)() end
print(pcall(nest, 10), pcall(nest, 300))
return select("#", string.byte(("x"):rep(1000), 1, -1)), pcall(string.gsub, "x", "x", function() return deep(5) end)
