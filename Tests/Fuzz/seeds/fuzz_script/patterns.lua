--~00A
local s = ("abc, (d(e)f) = %d\n"):rep(20)
for k, v in s:gmatch("(%w+),%s*(%b())") do print(k, v) end
local r, c = s:gsub("%f[%w](%a)", function(x) return x == "d" and ask() or x:upper() end, 9)
s:gsub("(a)(b)", "%2%1%0%%") s:gsub("%w+", {abc = 1}) s:find("a.-b*()", -5) s:find(".", 1, true)
pcall(string.find, ("a"):rep(40), ("a*"):rep(30) .. "b")
pcall(string.rep, "x", 1 << 40) pcall(string.gsub, s, "(", "%9")
return c, s:match("^(.-),(.*)$"), ("%5.2f %q %s %x %i %c %a"):format(1.5, "a\0", nil, 255, 3, 65, 1)
