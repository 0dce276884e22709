--~C@@@@@S
for i = 1, 9 do print(pcall(coroutine.wrap, function() return i end), pcall(now), pcall(ask)) end
local kept = {} for i = 1, 9 do kept[i] = coroutine.create(print) end
--##
for i = 1, 9 do coroutine.wrap(function() ask(i) end)() end
--##
T = {} while true do T[#T + 1] = coroutine.running() pcall(ask) end
