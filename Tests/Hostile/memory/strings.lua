-- Texts beyond the limit, in every way texts are made.

--# rep_bomb -> memory
return ("x"):rep(1 << 28)

--# rep_that_overflows -> runtime
return ("xx"):rep(math.maxinteger)

--# rep_with_a_separator -> memory, runtime
return ("x"):rep(1 << 30, ("y"):rep(1000))

--# doubling -> memory
local s = "x"
while true do s = s .. s end

--# doubling_in_pcall -> cpu
local s = "x"
while true do pcall(function() while true do s = s .. s end end) end

--# concat_bomb -> memory
local t = {}
for i = 1, 5000 do t[i] = ("x"):rep(4000) end
return table.concat(t, ("y"):rep(4000))

--# gsub_bomb -> memory
local s = ("x"):rep(10000)
while true do s = s:gsub("x", "xx") end

--# gsub_bomb_by_captures -> memory
return (("x"):rep(5000):gsub("(.*)", ("%1"):rep(5000)))

--# format_bomb -> memory
local s = ("x"):rep(1000000)
while true do s = ("%s%s"):format(s, s) end

--# pack_bomb -> memory, runtime
local s = ("x"):rep(1000000)
local t = {}
while true do t[#t + 1] = string.pack("s8s8s8", s, s, s) end

--# date_bomb -> limit
return os.date(("%c"):rep(1000000))

--# upper_bomb -> memory
local t = {}
while true do t[#t + 1] = (("x"):rep(100000) .. #t):upper() end

--# utf8_bomb -> memory
local t = {}
while true do t[#t + 1] = utf8.char(table.unpack({}, 1, 0)) .. utf8.charpattern:rep(10000) .. #t end

--# tostring_bomb -> memory
local t = {}
for i = 1, math.huge do t[i] = tostring(i) end

--# print_bomb -> memory
local s = ("x"):rep(3000000)
print(s, s, s)

--# error_message_bomb -> memory
local s = "x"
while true do local _, e = pcall(error, s .. s) s = e .. e end

--# text_where_garbage_was -> value
-- There is room once the garbage is gone.
local t = {}
for i = 1, 60000 do t[i] = { i } end
t = nil
for _ = 1, 20 do local s = ("x"):rep(2000000) end
local parts = {}
for i = 1, 1000 do parts[i] = ("y"):rep(1000) end
for _ = 1, 20 do local s = table.concat(parts):upper() end

--# formats_too_long -> limit
return string.format(("%%"):rep(1000000))

--# formats_too_long_caught -> cpu
local s, f = ("\0"):rep(3000000), ("b"):rep(1000000)
while true do pcall(string.format, "%q", s) pcall(string.pack, f) pcall(string.unpack, f, "") pcall(string.packsize, f)
    pcall(os.date, f) end
