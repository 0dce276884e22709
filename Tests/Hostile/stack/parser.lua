-- Source that is deep or wide.

--# deep_parentheses -> value
assert(load("return " .. ("("):rep(100000)) == nil)
assert(load("return " .. ("("):rep(100000) .. "1" .. (")"):rep(100000)) == nil)

--# deep_tables -> value
assert(load("return " .. ("{"):rep(100000)) == nil)

--# deep_blocks -> value
for _, open in ipairs { "do ", "while true do ", "if x then ", "for i = 1, 2 do ", "repeat ", "function f() " } do
    assert(load(open:rep(50000)) == nil)
end

--# deep_operators -> value
for _, operator in ipairs { "- ", "not ", "~ ", "# " } do assert(load("return " .. operator:rep(100000) .. "1") == nil) end
assert(load("return " .. ("1 .. "):rep(100000) .. "1") == nil)
assert(load("return " .. ("2 ^ "):rep(100000) .. "1") == nil)

--# deep_calls -> value
assert(load("return " .. ("f("):rep(100000)) == nil)
assert(load("return x" .. ("[x"):rep(100000)) == nil)

--# a_long_row_of_calls -> value, runtime, memory
local f = load("local function f() return f end f" .. ("()"):rep(50000))
if f then pcall(f) end

--# many_locals -> value
local parts = {}
for i = 1, 300 do parts[i] = "local a" .. i .. " = " .. i end
assert(load(table.concat(parts, " ")) == nil)

--# many_upvalues -> value
local parts, uses = {}, {}
for i = 1, 190 do parts[i] = "local a" .. i uses[i] = "a" .. i end
local outer = table.concat(parts, " ")
local inner = outer:gsub("a", "b")
local source = outer .. " local function f() " .. inner .. " return function() return "
    .. table.concat(uses, ",") .. "," .. table.concat(uses, ","):gsub("a", "b") .. " end end"
assert(load(source) == nil)

--# a_long_row_of_operators -> value
assert(load("return 1" .. (" + 1"):rep(100000))() == 100001)
assert(load("return x" .. (" and x"):rep(20000)))
assert(load("return x" .. (" or y"):rep(20000)))

--# many_alternatives -> value
assert(type(load("if x then " .. ("elseif x then "):rep(15000) .. "end")) == "function")
assert(load("if x then " .. ("elseif x then "):rep(20001) .. "end") == nil)

--# many_arguments -> value
assert(load("return f(" .. ("1,"):rep(300) .. "1)") == nil)
assert(load("local " .. ("a,"):rep(300) .. "a") == nil)
assert(load("return " .. ("1,"):rep(300) .. "1") == nil)
assert(load("a" .. (",a"):rep(300) .. " = 1") == nil)

--# source_that_is_no_source -> value
local state = 42
for _ = 1, 2000 do
    local bytes = {}
    for i = 1, 40 do
        state = (state * 1103515245 + 12345) & 0x7fffffff
        bytes[i] = string.char(state >> 16 & 255)
    end
    load(table.concat(bytes))
end

--# escapes_that_are_none -> value
for _, text in ipairs { "'\\", "'\\x", "'\\xg", "'\\u{", "'\\u{80000000}'", "'\\300'", "'\\z", "[[", "[===[", "--[[", "0x",
    "1e", "0x1p", "1..2", "'\n'", "\"" } do
    assert(load("return " .. text) == nil, text)
end

--# deep_script -> syntax
return ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((
((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((
