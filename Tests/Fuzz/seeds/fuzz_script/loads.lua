--~G0B
local parts = {"return ", "ask(", "1)", nil}
local i = 0
local f = load(function() i = i + 1 ask() return parts[i] end, "=chunk", "t", {ask = ask})
print(f and f(), load("\27Lua"), load("return ...", "x", "bt"), load("x ="), load(string.rep("(", 300)))
return load("return a", "n", "t", setmetatable({}, {__index = function(_, k) return ask(k) end}))()
