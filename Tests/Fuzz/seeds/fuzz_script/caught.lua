local ok, e = pcall(ask, function() end)
local ok2, e2 = xpcall(function() return ask() .. now() end, function(m) return {message = tostring(m), at = ask} end)
error(e2 or e, 2)
