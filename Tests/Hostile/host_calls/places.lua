-- Host calls from everywhere, most of all from where a script is being stopped.

--# calls_in_a_comparator -> value, runtime, limit
local t = { 5, 3, 8, 1, 9, 2 }
table.sort(t, function(a, b) return fetch(a) < fetch(b) end)
return t

--# calls_in_a_comparator_for_ever -> cpu, runtime, limit
while true do table.sort({ 5, 3, 8, 1 }, function(a, b) return fetch(a) < ask(b) end) end

--# calls_in_callbacks_for_ever -> cpu, limit
while true do ("abc"):gsub(".", fetch) local _ = ("abc"):gsub(".", function(c) return ask(c) end) end

--# calls_in_tostring_for_ever -> cpu, limit
local t = setmetatable({}, { __tostring = function() return ask("text") end })
while true do tostring(t) local _ = ("%s"):format(t) print(t) end

--# calls_in_a_reader_for_ever -> cpu, limit
while true do load(function() return ask(nil) end) end

--# requests_in_a_reader_for_ever -> cpu, limit
while true do pcall(load, function() return fetch(nil) end) end

--# requests_in_a_handler_for_ever -> cpu, limit
while true do xpcall(error, function() pcall(fetch, 1) return ask(1) end) end

--# requests_in_a_reader_that_nobody_answers -> timeout, runtime, limit; host never
while true do
    local ok = pcall(load, function() return fetch(1) end)
end

--# calls_in_nested_coroutines_for_ever -> cpu, limit
local function nest(n)
    if n == 0 then return fetch("bottom") end
    return coroutine.wrap(nest)(n - 1)
end
while true do nest(50) end

--# calls_in_abandoned_coroutines -> cpu, memory, limit
local kept = {}
while true do
    local co = coroutine.wrap(function() coroutine.yield(fetch(1)) end)
    co()
    kept[#kept % 100 + 1] = co
end

--# calls_in_close_for_ever -> cpu, limit
while true do
    local c <close> = setmetatable({}, { __close = function() fetch(1) end })
end

--# calls_in_close_at_the_end -> cpu
local c <close> = setmetatable({}, { __close = function() while true do pcall(fetch, 1) end end })
local d <close> = setmetatable({}, { __close = function() while true do pcall(ask, 1) end end })
while true do end

--# calls_in_metamethods_for_ever -> cpu, limit
local t = setmetatable({}, { __index = function(_, k) return fetch(k) end, __len = function() return ask(3) end,
    __eq = function() return fetch(true) end, __concat = function() return fetch("c") end })
while true do local _ = t.x, #t, t .. "x", t == setmetatable({}, getmetatable(t)) end

--# calls_on_a_deep_stack -> cpu, memory, limit
local function f(n)
    if n == 0 then while true do fetch(1) end end
    return 1 + f(n - 1)
end
return f(20000)

--# close_handlers_while_waiting -> timeout; host never
local c <close> = setmetatable({}, { __close = function() while true do end end })
while true do pcall(fetch, 1) end
