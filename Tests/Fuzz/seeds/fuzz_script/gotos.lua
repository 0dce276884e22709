local i <const> = 3
for a = 10, 1, -i do for b = 1.5, 2.5, .5 do if a > b then goto next end end ::next:: end
repeat local z = (...) until not z or z == 1
local function v(...) local a, b = ... return select("#", ...), a, b, ... end
return v(v(1, nil, [[long
]], [==[]]]==], 0x1p4, 1e-3, '\z
   a\x41\u{48}\065')), math.random(5), math.type(3 // 0.0), os.time{year=2020,month=1,day=1}, os.date("!%c", 0)
