--~00F3
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(ask(i), i) end end) end
local sum = 0
for v, i in gen(4) do sum = sum + i end
local co = coroutine.create(function(...) local t <close> = setmetatable({}, {__close = function() ask() end}) error(...) end)
print(coroutine.resume(co, "x"), coroutine.status(co), coroutine.close(co), coroutine.isyieldable(), coroutine.running())
return sum
