--~00H
local p = setmetatable({}, {__len = function() return 5 end, __index = function(_, k) return ask() and k end,
  __newindex = function(t, k, v) rawset(t, k, v) now() end})
table.insert(p, 2, "x") table.remove(p, 1) table.move(p, 1, 3, 2) table.concat(p, "-")
pcall(table.unpack, setmetatable({}, {__len = function() return 1 << 60 end}))
pcall(table.move, {}, 1, math.maxinteger - 1, 2)
return p, table.pack(table.unpack({1, 2, 3}, -1, 4))
