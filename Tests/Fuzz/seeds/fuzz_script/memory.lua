--~07B
local t, s = {}, "x"
local ok, e = pcall(function() while true do t[#t + 1] = s .. #t s = s .. s end end)
t = nil collectgarbage() print(ok, e, collectgarbage("count") > 0)
return coroutine.wrap(function() local u = {} for i = 1, 1e7 do u[i] = {} end end)()
