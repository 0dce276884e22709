--~C@@@@@@@a
CO = coroutine.running()
local ok, e = pcall(ask, print)
local c <close> = setmetatable({}, {__close = function() ask("closing") end})
ask(1) ask("failed: " .. e .. "!") ask(3)
--##
for i = 1, 9 do ask(i) pcall(coroutine.resume, CO) pcall(coroutine.close, CO) collectgarbage() end
return tostring(e)
