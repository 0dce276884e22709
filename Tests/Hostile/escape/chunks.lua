-- Binary chunks, by every way in: a crafted one can make the interpreter read and write where it likes.

--# binary_text_is_refused -> value
for _, text in ipairs { "\27Lua", "\27LuaT\0\25\147\r\n\26\n\4\8\8", "\27", "\27\0", "#!\n\27Lua" } do
    assert(load(text) == nil)
    assert(load(text, "n", "b") == nil)
    assert(load(text, "n", "bt") == nil)
    assert(load(text, "n", "t") == nil)
end

--# a_binary_reader_is_refused -> value
for _, mode in ipairs { "b", "bt", "tb", "t" } do
    local pieces = { "\27", "Lua", "\x54\0\x19\x93\r\n\x1a\n" }
    local i = 0
    local f = load(function() i = i + 1 return pieces[i] end, "n", mode)
    assert(f == nil)
end

--# nothing_dumps_a_function -> value
assert(string.dump == nil and ("").dump == nil)
assert(not pcall(function() return (print):dump() end))

--# the_mode_is_not_what_it_was_when_it_was_looked_at -> value
-- A mode that is a number, a long text, or has a byte of zero in it.
for _, mode in ipairs { 1, "b\0t", ("b"):rep(1000), "", "x" } do
    local ok, f = pcall(load, "\27Lua", "n", mode)
    assert(not ok or f == nil)
end

--# a_reader_that_gives_no_text -> value
for _, piece in ipairs { 1, true, {}, print } do
    local f = load(function() return piece end)
    assert(f == nil)
    break
end
assert(not pcall(load) and not pcall(load, {}) and not pcall(load, nil))

--# names_of_chunks_are_only_text -> value
for _, name in ipairs { "=", "@", "=\0", "%s%n%p", ("x"):rep(100000), "\255\254", "[string \"", "a\nb\nc" } do
    local ok, message = pcall(load("error('e')", name))
    assert(not ok and type(message) == "string" and #message < 200)
    assert(select(2, load("x x", name)))
end
