--~10A
x = 1 string.rep = 5 _G.y = 2 setmetatable(_G, {__index = function(_, k) return ask(k) end}) return z, load("w = 3 return w")()
--##
return x, y, z, ("a"):rep(3), pcall(error, setmetatable({}, {__tostring = function() return ask() end}))
