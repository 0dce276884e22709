-- A __concat that makes the stack grow moves it, and a chain of concatenations went on at the old place, which is freed.
-- Upstream 603b2c64; seen in Debian's 5.4.4, whose fix of CVE-2022-33099 (42d40581) lacks it.
local function deep(n)
    if n == 0 then return 0 end
    return 1 + deep(n - 1)
end
local x = setmetatable({}, { __concat = function() deep(100) return "r" end })
return coroutine.wrap(function() return x .. "a" .. x .. "b" == "r" end)()
