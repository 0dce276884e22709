-- The collector as the one that spends the time.

--# collect_without_end -> cpu
while true do collectgarbage() end

--# collect_a_full_world -> cpu
local t = {}
for i = 1, 60000 do t[i] = {} end
while true do collectgarbage("collect") end

--# step_without_end -> cpu
local t = {}
for i = 1, 60000 do t[i] = {} end
while true do collectgarbage("step") end

--# weak_tables_that_depend_on_one_another -> cpu
-- A chain of ephemerons: each round of the collector finds one more of them alive.
local tables, key = {}, {}
for i = 1, 2000 do
    tables[i] = setmetatable({}, { __mode = "k" })
end
local k = key
for i = 1, 2000 do
    local v = {}
    tables[(i * 7) % 2000 + 1][k] = v
    k = v
end
while true do collectgarbage() end

--# weak_values_to_clear -> cpu
local t = setmetatable({}, { __mode = "kv" })
while true do
    for i = 1, 20000 do t[i] = {} end
    collectgarbage()
end
