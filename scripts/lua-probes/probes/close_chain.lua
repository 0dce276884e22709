-- Coroutines that each close the next in a __close used up the C stack, because lua_resetthread did not count the calls
-- of who closes.
-- Upstream 1e64c139; seen in 5.4.2 to 5.4.4.
local coroutines, closed = {}, 0
local meta = { __close = function()
    closed = closed + 1
    if coroutines[closed + 1] then coroutine.close(coroutines[closed + 1]) end
end }
for i = 1, 3000 do
    coroutines[i] = coroutine.create(function()
        local _ <close> = setmetatable({}, meta)
        coroutine.yield()
    end)
    coroutine.resume(coroutines[i])
end
coroutine.close(coroutines[1])
return closed > 100 and closed < 3000 or closed
