-- Tables, closures and coroutines beyond the limit.

--# table_bomb -> memory
local t = {}
for i = 1, math.huge do t[i] = i end

--# table_of_tables -> memory
local t = {}
while true do t = { t } end

--# hash_bomb -> memory
local t = {}
for i = 1, math.huge do t["k" .. i] = i end

--# sparse_bomb -> memory
local t = {}
local k = 1
while true do t[k * 1000003] = k k = k + 1 end

--# closure_bomb -> memory
local t = {}
while true do local i = #t t[i + 1] = function() return i, t end end

--# coroutine_bomb -> memory, limit
local t = {}
while true do t[#t + 1] = coroutine.create(function() coroutine.yield() end) end

--# suspended_coroutine_bomb -> memory, limit
local t = {}
while true do
    local co = coroutine.wrap(function(...) local a, b, c = {}, {}, {} coroutine.yield(a, b, c, ...) end)
    co(t)
    t[#t + 1] = co
end

--# pack_of_many -> memory
local t = {}
while true do t[#t + 1] = table.pack(table.unpack({}, 1, 10000)) end

--# move_into_more -> memory
local t = {}
for i = 1, 100 do t[i] = i end
while true do table.move(t, 1, #t, #t + 1) end

--# insert_bomb -> memory
local t = {}
while true do table.insert(t, {}) end

--# gmatch_bomb -> memory
local t = {}
while true do t[#t + 1] = ("x"):rep(100):gmatch("(.)") end

--# load_bomb -> cpu, memory
-- load gives the lack of memory as its message.
local t = {}
while true do t[#t + 1] = load("local a, b, c = 1, 2, 3 return function() return a, b, c end") end

--# constants_bomb -> memory, cpu
local t = {}
for i = 1, 200000 do t[i] = "'" .. i .. "'" end
return load("return {" .. table.concat(t, ",") .. "}")()

--# reader_bomb -> value
local s = ("x"):rep(100000)
local first = true
assert(not load(function() if first then first = false return "return '" end return s end))

--# memory_error_caught_for_ever -> cpu
local t = {}
while true do pcall(function() for i = 1, math.huge do t[#t + 1] = {} end end) end

--# memory_error_caught_and_kept_full -> cpu, memory
local t = {}
pcall(function() while true do t[#t + 1] = ("x"):rep(10000) .. #t end end)
pcall(function() while true do t[#t + 1] = {} end end)
while true do pcall(function() return {} end) pcall(string.rep, "x", 1000) end

--# memory_error_in_close_handlers -> memory, cpu
local function fill() local t = {} while true do t[#t + 1] = {} end end
local c <close> = setmetatable({}, { __close = fill })
local d <close> = setmetatable({}, { __close = fill })
fill()

--# memory_error_in_a_handler -> cpu, memory
while true do xpcall(error, function() local t = {} while true do t[#t + 1] = {} end end) end

--# memory_error_in_a_coroutine -> cpu
while true do
    coroutine.resume(coroutine.create(function() local t = {} while true do t[#t + 1] = {} end end))
end

--# memory_error_in_a_comparator -> cpu
while true do
    pcall(table.sort, { 3, 2, 1 }, function() local t = {} while true do t[#t + 1] = {} end end)
end

--# rehash_at_the_limit -> cpu
local t = {}
pcall(function() for i = 1, math.huge do t[i] = i end end)
while true do pcall(function() for i = 1, math.huge do t["x" .. i] = i end end) end
