-- Compilers can be kept busy, too.

--# reader_without_end -> cpu, memory
load(function() return " " end)

--# reader_that_loops -> cpu
load(function() while true do end end)

--# reader_that_catches -> cpu
while true do pcall(load, function() pcall(function() while true do end end) return " " end) end

--# long_source -> cpu, memory
local source = ("a = 1 "):rep(170000)
while true do load(source) end

--# long_comment -> cpu, memory
local source = "--[[" .. ("x"):rep(1000000) .. "]]"
while true do load(source) end

--# long_literal -> cpu, memory
local source = "return '" .. ("x"):rep(1000000) .. "'"
while true do load(source) end

--# long_number -> cpu
local source = "return " .. ("1"):rep(500000)
while true do load(source) end

--# more_gotos_than_allowed -> cpu
local source = "do " .. ("goto a "):rep(30000) .. " end ::a::"
while true do load(source) end

--# gotos_that_wait_for_a_label -> cpu
local source = "do " .. ("goto a "):rep(2000) .. " end ::a::"
while true do load(source) end

--# gotos_out_of_blocks -> cpu
local source = ("do "):rep(150) .. ("goto a "):rep(2000) .. (" end"):rep(150) .. " ::a::"
while true do load(source) end

--# gotos_in_many_functions -> cpu
local source = ("function f() " .. ("goto a "):rep(2000) .. "::a:: end "):rep(40)
while true do load(source) end

--# loops_around_nothing -> cpu
local source = ("while true do end "):rep(20000)
while true do load(source) end

--# a_chain_of_ors -> cpu
local source = "return x" .. (" or x"):rep(200000)
while true do load(source) end

--# elseifs_without_number -> cpu
local source = "if x then " .. ("elseif x then "):rep(20000) .. "end"
while true do load(source) end

--# labels_without_number -> cpu
local parts = {}
for i = 1, 30000 do parts[i] = "::l" .. i .. "::" end
local source = table.concat(parts)
while true do load(source) end

--# many_functions -> cpu, memory
local source = ("function f() end "):rep(50000)
while true do load(source) end

--# constants_without_number -> cpu, memory
local parts = { "return {" }
for i = 1, 50000 do parts[#parts + 1] = "'k" .. i .. "'," end
parts[#parts + 1] = "}"
local source = table.concat(parts)
while true do load(source) end

-- And by what is given to start.

--# a_script_of_ors -> cpu; repeat 200000
return x<< or x>>

--# a_script_of_ands -> cpu; repeat 170000
while x<< and x>> do end

--# a_script_of_labels -> value, cpu; repeat 50000
local ok<< do ::a:: end>>

--# a_script_of_gotos -> syntax; repeat 2001
<<goto a >>::a::

--# a_script_of_elseifs -> value, cpu; repeat 20000
if x then<< elseif x then>> end
