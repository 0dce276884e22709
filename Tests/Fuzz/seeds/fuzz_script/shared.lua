--~30B
T = T or {} T.co = coroutine.running() T.f = function() return ask() end T.w = coroutine.wrap(function() T.f() end)
T.w() x = 1 string.upper = nil return T
--##
T = T or {} print(pcall(coroutine.resume, T.co), pcall(coroutine.close, T.co)) T.f = error
if T.w then pcall(T.w) end return getmetatable(T), x
--##
--~ third
for i = 1, 9 do T = T or {} T[i] = {ask()} end while true do setmetatable(T, {__index = function() return T end}) end
