-- Loops in C: texts.

--# pattern_that_backtracks -> cpu
local s = ("a"):rep(30000)
return s:find(("a*"):rep(20) .. "b")

--# pattern_that_backtracks_in_pcall -> cpu
local s = ("a"):rep(30000)
while true do pcall(string.match, s, (".-"):rep(12) .. "b") end

--# pattern_without_anchor -> cpu
local s = ("("):rep(60000)
return s:find("%b()")

--# frontier_and_captures -> cpu
local s = ("ab "):rep(20000)
while true do s:gsub("%f[%w](%w-)%f[%W](.*)%1", "%2") end

--# find_of_a_long_text -> cpu
local s = ("a"):rep(1000000)
while true do s:find(("a"):rep(1000) .. "b", 1, true) end

--# gsub_callback_without_end -> cpu
("x"):gsub(".", function() while true do end end)

--# gsub_of_everything -> cpu
local s = ("x"):rep(100000)
while true do s = s:gsub("", ""):gsub("x", "x"):gsub(".", { x = "x" }) end

--# gmatch_without_end -> cpu
while true do for _ in ("x"):rep(10000):gmatch("") do end end

--# rep_of_nothing -> cpu
while true do (""):rep(1 << 62) end

--# rep_and_throw_away -> cpu
while true do local _ = ("x"):rep(1000000) end

--# upper_lower_reverse -> cpu
local s = ("x"):rep(1000000)
while true do s = s:upper():lower():reverse() end

--# byte_and_char -> cpu
local s = ("x"):rep(200)
while true do s = string.char(s:byte(1, -1)) end

--# format_without_end -> cpu
while true do ("%-99.99f %q %s"):format(1e308, ("\0"):rep(1000), ("x"):rep(10000)) end

--# formats_of_many_digits -> cpu
local format, numbers = ("%99.99f"):rep(50), {}
for i = 1, 50 do numbers[i] = 1e308 end
while true do format:format(table.unpack(numbers)) end

--# format_of_a_long_format -> cpu
local format = ("%%"):rep(250000)
while true do format:format() end

--# pack_and_unpack_texts -> cpu
local format = ("b"):rep(240)
local s = ("x"):rep(240)
while true do string.pack(format, string.unpack(format, s)) end

--# packsize_of_a_long_format -> cpu
local format = ("b"):rep(130000)
while true do format:packsize() end

--# pack_of_padding -> cpu
local format = ("x"):rep(130000)
while true do string.pack(format) end

--# tonumber_of_a_long_text -> cpu
local digits = ("9"):rep(1000000)
while true do tonumber(digits) tonumber(digits, 36) tonumber("0x" .. digits) end

--# comparison_of_long_texts -> cpu
local a, b = ("x"):rep(1000000) .. "a", ("x"):rep(1000000) .. "b"
while true do local _ = a < b, a == b, a <= b end

--# long_texts_as_keys -> cpu
local t, s = {}, ("x"):rep(500000)
while true do t[s .. "y"] = nil end

--# concat_in_a_loop -> cpu
while true do local s = "" for i = 1, 1000 do s = s .. i end end

--# date_of_a_long_format -> cpu
local format = ("%%"):rep(1000)
while true do os.date(format) end

--# date_of_a_slow_format -> cpu
local format = ("%c"):rep(1000)
while true do os.date(format) end

--# date_of_zones_and_weeks -> cpu
local format = ("%U%V%Z"):rep(300)
while true do os.date(format) end

--# utf8_of_a_long_text -> cpu
local s = ("\u{20ac}"):rep(300000)
while true do utf8.len(s) utf8.offset(s, 290000) for _ in utf8.codes(s) do end end

--# utf8_offset_through_continuations -> cpu
local s = ("\x80"):rep(1000000)
while true do pcall(utf8.offset, s, 2) utf8.offset(s, -1) pcall(utf8.len, s, 1, -1, true) end

--# utf8_codepoint_of_all -> cpu
local s = ("x"):rep(1000000)
while true do pcall(utf8.codepoint, s, 1, 200000) pcall(utf8.codepoint, s, 1, -1) end
