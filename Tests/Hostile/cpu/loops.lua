-- Loops that no error seems able to leave.

--# plain_loop -> cpu
while true do end

--# goto_loop -> cpu
::again:: goto again

--# numeric_loop -> cpu
for i = math.mininteger, math.maxinteger do end

--# float_loop -> cpu
for x = 0.0, 1e300 do end

--# pcall_loop -> cpu
while true do pcall(function() while true do end end) end

--# pcall_of_pcall_loop -> cpu
while true do pcall(pcall, pcall, pcall, error) end

--# pcall_recursion_loop -> cpu, memory
local function f() return pcall(f) end
while true do pcall(f) end

--# pcall_tower -> cpu
local function tower(n)
    if n == 0 then while true do end end
    while true do pcall(tower, n - 1) end
end
tower(150)

--# xpcall_handler_loops -> cpu
xpcall(error, function() while true do end end)

--# xpcall_handler_that_fails -> cpu
while true do xpcall(error, function(m) error(m) end, "x") end

--# xpcall_in_xpcall_handlers -> cpu
local function handler(m) return xpcall(error, function() while true do end end, m) end
while true do xpcall(error, handler, "x") end

--# error_ping_pong -> cpu
local function ping(e) error(e) end
while true do select(2, pcall(ping, select(2, pcall(ping, {})))) end

--# tail_calls -> cpu
local function f() return f() end
f()

--# mutual_tail_calls_through_pcall -> cpu
local f, g
function f(n) while true do local ok = pcall(g, n) end end
function g(n) return error(n) end
return f(1)

--# vararg_loop -> cpu
local function f(...) return select("#", ...) end
while true do f(table.unpack({}, 1, 250)) end

--# iterator_without_end -> cpu
for _ in function() return 1 end do end

--# iterator_that_catches -> cpu
for _ in function() pcall(function() while true do end end) return 1 end do end

--# next_over_a_growing_table -> cpu, runtime, memory
local t = { 1 }
while true do for k in pairs(t) do t[k] = nil t[k] = true end end

--# pairs_that_gives_itself -> cpu
local t = setmetatable({}, { __pairs = function(t) return function() return t end end })
for _ in pairs(t) do end

--# loaded_loop -> cpu
load("while true do end")()

--# load_in_a_loop -> cpu
while true do load("return function() return 1 end")() end

--# random_loop -> cpu
while true do math.random(0) end

--# loop_that_overwrites_everything -> cpu
pcall, error, coroutine, string, table, _G = nil, nil, nil, nil, nil, nil
while true do end

--# clock_loop -> cpu
while os.clock() < 1e9 do os.time() end
