-- Describing an error took more slots of Lua's stack than are kept free for that, when calling the message handler was an
-- error, too, because it was one C call too many.
-- CVE-2022-33099, upstream 42d40581; seen in 5.4.2 to 5.4.4.
local failing = {} -- functions with frames of many sizes: one of them leaves no slot free
for size = 1, 60 do
    local names = {}
    for i = 1, size do names[i] = "n" .. i end
    failing[size] = assert(load("local " .. table.concat(names, ",") .. " return n1 + 1"))
end
local function handler(message) return message end
local function at_depth(n, f, ...)
    if n == 0 then return f(...) end
    return pcall(at_depth, n - 1, f, ...)
end
local function fail(f) return xpcall(f, handler) end
for depth = 185, 200 do
    for _, f in ipairs(failing) do
        at_depth(depth, function() coroutine.wrap(fail)(f) end)
    end
end
return true
