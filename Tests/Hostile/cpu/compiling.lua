-- Compilers can be kept busy, too.

--# reader_without_end -> cpu, memory
load(function() return " " end)

--# reader_that_loops -> cpu
load(function() while true do end end)

--# reader_that_catches -> cpu
while true do pcall(load, function() pcall(function() while true do end end) return " " end) end

--# long_source -> cpu, memory
local source = ("a = 1 "):rep(500000)
while true do load(source) end

--# long_comment -> cpu, memory
local source = "--[[" .. ("x"):rep(3000000) .. "]]"
while true do load(source) end

--# long_literal -> cpu, memory
local source = "return '" .. ("x"):rep(1000000) .. "'"
while true do load(source) end

--# long_number -> cpu
local source = "return " .. ("1"):rep(500000)
while true do load(source) end

--# gotos_without_number -> cpu
local source = "do " .. ("goto a "):rep(30000) .. " end ::a::"
while true do load(source) end

--# gotos_out_of_blocks -> cpu
local source = ("do "):rep(150) .. ("goto a "):rep(30000) .. (" end"):rep(150) .. " ::a::"
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
