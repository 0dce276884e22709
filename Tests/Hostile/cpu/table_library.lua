-- Loops in C: tables that claim to be endless.

--# move_without_end -> cpu
table.move({}, 1, 1 << 60, 2)

--# move_between_proxies -> cpu
local p = setmetatable({}, { __index = function(_, k) return k end, __newindex = function() end })
table.move(p, 1, 1 << 60, 2, p)

--# move_backwards_without_end -> cpu
table.move({}, math.mininteger + 1, -1, 1)

--# insert_into_the_endless -> cpu
table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 1)

--# remove_from_the_endless -> cpu
table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)

--# concat_of_the_endless -> cpu
table.concat(setmetatable({}, { __len = function() return 1 << 60 end, __index = function() return "" end }))

--# concat_of_growing_text -> cpu, memory
table.concat(setmetatable({}, { __len = function() return 1 << 60 end, __index = function() return "text" end }))

--# unpack_again_and_again -> cpu
while true do pcall(table.unpack, {}, 1, 900000) end

--# unpack_of_a_proxy -> cpu
local p = setmetatable({}, { __index = function(_, k) return k end })
while true do pcall(table.unpack, p, 1, 200) end

--# pack_and_unpack -> cpu
local t = { 1 }
while true do t = table.pack(table.unpack(t)) end

--# sort_of_the_endless -> cpu
table.sort(setmetatable({}, { __len = function() return (1 << 31) - 2 end, __index = function(_, k) return -k end,
    __newindex = function() end }))

--# sort_with_a_comparator_that_never_answers -> cpu
table.sort({ 2, 1 }, function() while true do end end)

--# sort_with_a_comparator_that_lies -> cpu
local t = {}
for i = 1, 1000 do t[i] = i end
while true do pcall(table.sort, t, function() return math.random(2) == 1 end) end

--# sort_that_is_always_true -> cpu
local t = {}
for i = 1, 1000 do t[i] = i end
while true do pcall(table.sort, t, function() return true end) end

--# sort_that_changes_its_table -> cpu
local t = {}
for i = 1, 1000 do t[i] = i end
while true do pcall(table.sort, t, function(a, b) t[math.random(1000)] = math.random(1000) t[1001] = nil
    return (a or 0) < (b or 0) end) end

--# sort_in_sort -> cpu
local function compare(a, b) pcall(table.sort, { 3, 2, 1 }, function(x, y) return x < y end) return a < b end
while true do table.sort({ 5, 3, 8, 1 }, compare) end

--# sort_of_long_texts -> cpu
local t = {}
for i = 1, 50 do t[i] = ("x"):rep(50000) .. i end
while true do table.sort(t) t[1], t[2] = t[2], t[1] end

--# next_on_a_huge_table_again_and_again -> cpu
local t = {}
for i = 1, 100000 do t[i] = i end
while true do next(t, math.random(100000)) end

--# next_through_emptied_places -> cpu
-- Looking for the first of a table whose places are all empty walks all of them.
local t = {}
for i = 1, 100000 do t[i] = i end
for i = 1, 100000 do t[i] = nil end
while true do next(t) end

--# length_of_what_has_no_border -> cpu
local t = {}
for i = 1, 30 do t[1 << i] = true end
while true do local _ = #t end
