-- Host functions as values.

--# a_host_function_gives_nothing_of_itself_away -> value
assert(getmetatable(fetch) == nil and type(fetch) == "function")
assert(not pcall(function() return fetch.x end) and not pcall(function() fetch.x = 1 end))
assert(load(fetch) == nil or true)

--# a_host_function_can_be_replaced_for_oneself_alone -> value
fetch = function() return "mine" end
db.find = nil
db = 1
return fetch() == "mine"

--# a_host_function_as_everything_else -> value, runtime, conversion, host
local t = setmetatable({}, { __index = fetch, __newindex = fetch, __len = fetch, __call = fetch, __concat = fetch,
    __eq = fetch, __lt = fetch, __unm = fetch, __tostring = ask, __close = fetch, __pairs = fetch })
pcall(function() return t.x end)
pcall(function() t.x = 1 end)
pcall(function() return #t, t .. "x", -t, t() end)
pcall(function() return t == setmetatable({}, getmetatable(t)), t < t end)
pcall(function() local c <close> = t end)
pcall(function() for _ in pairs(t) do end end)
pcall(table.sort, { 3, 2, 1 }, fetch)
pcall(string.gsub, "abc", ".", fetch)
pcall(load, fetch)
pcall(xpcall, error, fetch, "x")
pcall(string.gsub, "abc", ".", ask)
pcall(load, ask)
for _ in fetch do break end

--# a_host_function_as_a_coroutine -> value
local co = coroutine.create(fetch)
assert(coroutine.resume(co, "echo"))
local wrapped = coroutine.wrap(fetch)
assert(wrapped("echo") == "echo")
assert(coroutine.close(coroutine.create(fetch)))

--# a_host_function_called_with_itself -> conversion
fetch(fetch)

--# a_host_function_deep_in_metamethods -> value
local levels = setmetatable({}, { __index = function(_, k) return fetch(k) end })
local proxy = levels
for _ = 1, 60 do proxy = setmetatable({}, { __index = proxy }) end
return proxy.key
