-- Runs after each hostile script, in its context and in a new one: the world is as it was made.
local function check(holds, what) if not holds then error("canary: " .. what, 2) end end

local libraries = {
    string = "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper",
    table = "concat insert move pack remove sort unpack",
    math = "abs ceil floor fmod huge log max maxinteger min mininteger modf pi random randomseed sqrt tointeger type ult",
    coroutine = "close create isyieldable resume running status wrap yield",
    utf8 = "char charpattern codepoint codes len offset",
    os = "clock date difftime time",
    json = "array null",
    db = "find",
}
local basic = "assert collectgarbage error getmetatable ipairs load next pairs pcall print rawequal rawget rawlen rawset "
    .. "select setmetatable tonumber tostring type xpcall fetch ask"

for name, members in pairs(libraries) do
    local library = _G[name]
    check(type(library) == "table" and getmetatable(library) == nil, name)
    for member in members:gmatch("%S+") do check(library[member] ~= nil, name .. "." .. member) end
    for member in pairs(library) do
        check(name == "math" or name == "string" or (" " .. members .. " "):find(" " .. member .. " ", 1, true),
            "new " .. name .. "." .. tostring(member))
    end
end
for name in basic:gmatch("%S+") do check(type(_G[name]) == "function", name) end
for _, name in ipairs { "io", "debug", "package", "require", "dofile", "loadfile" } do check(_G[name] == nil, name) end

-- What the scripts leave behind is called `left`, if it has a name; and nothing else has come.
check(left == nil and string.left == nil and ("").left == nil and rawget(_G, "left") == nil, "left behind")
local known = {}
for name in (basic .. " _G _VERSION warn"):gmatch("%S+") do known[name] = true end
for name in pairs(libraries) do known[name] = true end
for name in next, _G do check(known[name], "global " .. tostring(name)) end
check(_G._G == _G and _VERSION == "Lua 5.4", "_G")

check(getmetatable("") == false and ("x").rep == string.rep, "methods of strings")
check(("abc"):upper() == "ABC" and ("x"):rep(3, ",") == "x,x,x" and #("a b c"):gsub(" ", "") == 3, "string")
check(("%d %s %q"):format(1, "a", "b") == '1 a "b"' and ("k=v"):match("(%w+)=(%w+)") == "k", "patterns")
check(math.type(1) == "integer" and math.max(1, 2) == 2 and math.floor(2.5) == 2 and math.huge > 0, "math")
check(math.random(1, 6) <= 6 and math.random() < 1, "random")
local list = { 3, 1, 2 }
table.sort(list)
check(table.concat(list, ",") == "1,2,3" and select("#", table.unpack(list)) == 3, "table")
check(utf8.len("\u{e9}\u{20ac}") == 2 and os.time() > 0, "utf8, os")
check(getmetatable(json.null) == false and tostring(json.null) == "null", "json.null")
check(getmetatable(json.array {}) == nil, "json.array")
for _, value in ipairs { 1, true, print, coroutine.create(print) } do
    check(getmetatable(value) == nil, "metatable of a " .. type(value))
end
check(getmetatable(nil) == nil, "metatable of nil")

local ok, message = pcall(error, "caught", 0)
check(not ok and message == "caught", "pcall")
check(select(2, xpcall(error, function(m) return m .. "!" end, "x", 0)) == "x!", "xpcall")
local generator = coroutine.wrap(function(a) return coroutine.yield(a + 1) end)
check(generator(1) == 2 and generator(5) == 5, "coroutine")
check(load("return 6 * 7")() == 42 and load("\27Lua") == nil, "load")
check(#("x"):rep(200000) == 200000, "memory")

check(fetch("echo") == "echo" and ask("echo") == "echo" and db.find({ 1, 2 })[2] == 2, "host calls")
return "unharmed"
