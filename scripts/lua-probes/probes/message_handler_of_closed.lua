-- A coroutine that is closed while it waits inside xpcall kept the place of the message handler. Once its stack is
-- smaller, an error in a __close took what lies behind the stack for that handler, and called it.
-- Upstream 3fe7be95; seen in 5.4.3 to 5.4.7.
local co = coroutine.create(function()
    local closing <close> = setmetatable({}, { __close = function()
        collectgarbage()
        collectgarbage()
        error("in close", 0)
    end })
    local function deep(n)
        if n == 0 then xpcall(coroutine.yield, function() return "handled" end) end
        return n > 0 and (deep(n - 1))
    end
    deep(5000)
end)
coroutine.resume(co)
local ok, message = coroutine.close(co)
return not ok and message == "in close" or tostring(message)
