-- A tail call out of a loop with a closing value left that value on the list of what has to be closed, at a place of the
-- stack that may be gone when the list is used.
-- Upstream 47cffdc7; seen in 5.4.2 and 5.4.3.
local closed = false
local closing = setmetatable({}, { __close = function() closed = true end })
local function forever() return true end
local function out() return "done" end
local function body()
    for _ in forever, nil, nil, closing do return out() end
end
local function deep(n)
    if n == 0 then return body() end
    return (deep(n - 1))
end
local result = coroutine.wrap(function()
    local result = deep(5000)
    collectgarbage()
    collectgarbage() -- the stack is small again
    do local _ <close> = setmetatable({}, { __close = function() end }) end
    return result
end)()
return closed and result == "done" or "not closed"
