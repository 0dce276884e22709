local m = {} local names = {"add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr",
  "bnot", "concat", "len", "eq", "lt", "le", "call"}
for _, k in ipairs(names) do m["__" .. k] = function(a, b) return ask(k) and 1 end end
m.__index, m.__tostring, m.__name, m.__pairs = ask, function() return now() .. "" end, "N", function(t) return next, {}, nil end
local x, y = setmetatable({}, m), setmetatable({}, m)
local r = {x + 1, x - y, x .. "a", #x, x == y, x < y, x <= y, -x, ~x, x(1), x.k, x // 2, x & 1, x << 2}
for k, v in pairs(x) do end
return r, pcall(tostring, x), pcall(setmetatable, {}, {__gc = print}), getmetatable("").__index, rawequal(x, y)
