--~@@0@@@@@C
local function down(n, f, ...) if n == 0 then return f(...) end return (down(n - 1, f, ...)) end
local function body()
  local c <close> = setmetatable({}, {__close = function() ask(1) collectgarbage() collectgarbage() error("in close") end})
  down(200, xpcall, coroutine.yield, function(m) return m end)
end
for i = 1, 4 do
  local co = coroutine.create(body)
  coroutine.resume(co) ask(i) print(coroutine.close(co))
end
