--~G0F
local t = {} for i = 1, 30 do t[i] = i * 7919 % 31 end
table.sort(t, function(a, b) return (ask() and a or a) < b end)
table.sort(t, function(a, b) return true end)
return table.concat(t, ","), table.unpack(t, 3, 6)
