-- A store by way of __newindex can replace that very __newindex. The collector's barrier was then asked about the new
-- value in place of the table that holds it, and the value could be freed while it was in use.
-- Seen in 5.4.2 to 5.4.7; 5.4.9 has mended it (luaV_finishset).
collectgarbage("stop") -- collections go on by the steps below alone, the smallest there are
collectgarbage("incremental", 1000, 100, 1)

local function step_until_done()
    repeat until collectgarbage("step", 0)
end

for steps = 1, 60 do -- somewhere in there is the moment after the collection has seen mt
    local mt = {}
    mt.__newindex = mt
    local t = setmetatable({}, mt)
    step_until_done()
    for _ = 1, steps do collectgarbage("step", 0) end
    t.__newindex = { "kept" }
    step_until_done()
    if mt.__newindex[1] ~= "kept" then return "lost a value" end
end
return true
