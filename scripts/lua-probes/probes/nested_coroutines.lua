-- Coroutines that each resume the next used up the C stack, because an error that was caught reset the count of C calls.
-- CVE-2021-43519; seen in 5.4.2 and 5.4.3.
local depth = 0
local function nest()
    depth = depth + 1
    pcall(error)
    if depth < 10000 then coroutine.wrap(nest)() end
end
local ok, message = pcall(nest)
return not ok and message:find("C stack overflow", 1, true) ~= nil or tostring(message)
