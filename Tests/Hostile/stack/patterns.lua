-- Patterns that are deep, wide or wrong.

--# deep_captures -> value
assert(not pcall(string.find, "x", ("("):rep(100000)))
assert(not pcall(string.find, "x", ("()"):rep(100)))

--# deep_backtracking -> value, runtime, cpu
pcall(string.find, ("a"):rep(300000), (".?"):rep(300000))
pcall(string.find, ("a"):rep(300000), ("a?"):rep(2000) .. ("a"):rep(2000))
pcall(string.match, ("a"):rep(250000), ("(a)"):rep(30) .. ".-b")

--# wrong_patterns -> value
for _, pattern in ipairs { "%", "[", "[%", "[^", "[a-", "[]", "%b", "%bx", "%f", "%fx", "%1", "(", ")", "(()", "%9", "[a",
    "[%]", "%z%", "(%1)", "^*", "[[:alpha:]", "\0[", "(\0" } do
    pcall(string.find, "abc", pattern)
    pcall(string.gsub, "abc", pattern, "x")
    pcall(string.match, "abc", pattern)
    pcall(function() for _ in ("abc"):gmatch(pattern) do end end)
end

--# wrong_replacements -> value
for _, replacement in ipairs { "%", "%9", "%a", "%2", "%0%1%", true, print, {}, { x = {} }, { x = true } } do
    pcall(string.gsub, "xyz", "(x)", replacement)
end
for _, result in ipairs { true, {}, print, 0 / 0 } do
    pcall(string.gsub, "xyz", ".", function() return result end)
end

--# positions_beyond_everything -> value
for _, p in ipairs { math.maxinteger, math.mininteger, 0, -1, 1 << 62, -(1 << 62) } do
    pcall(string.find, "abc", "b", p)
    pcall(string.sub, "abc", p, p)
    pcall(string.byte, "abc", p, p)
    pcall(string.gmatch, "abc", "b", p)
    pcall(string.gsub, "abc", "b", "x", p)
    pcall(utf8.len, "abc", p, p)
    pcall(utf8.offset, "abc", p, p)
    pcall(utf8.codepoint, "abc", p, p)
    pcall(string.unpack, "i4", "abcdefgh", p)
    pcall(table.concat, {}, "", p, p)
    pcall(select, p, 1, 2)
    pcall(math.random, p, p)
end
