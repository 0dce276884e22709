-- A table with weak keys and values that a collection had seen was not looked at again, and marked as if nothing in it
-- mattered. A metatable that it got after that, and that nothing else held, was freed.
-- Seen in 5.4.2 to 5.4.7; 5.4.9 has mended it (traversetable).
collectgarbage("stop") -- collections go on by the steps below alone, the smallest there are
collectgarbage("incremental", 1000, 100, 1)

local function step_until_done()
    repeat until collectgarbage("step", 0)
end

for steps = 1, 60 do -- somewhere in there is the moment after the collection has seen t
    local t = setmetatable({}, { __mode = "kv" })
    step_until_done()
    for _ = 1, steps do collectgarbage("step", 0) end
    setmetatable(t, { __mode = "kv", __index = function() return "found" end })
    step_until_done()
    if t.x ~= "found" then return "lost a metatable" end
end
return true
