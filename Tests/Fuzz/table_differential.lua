-- Random calls of table.*, utf8.*, string.rep and its like, tostring, ipairs, pairs and next: the bridge's functions and
-- Lua's own must give the same results and errors, and call the same metamethods and comparators in the same order with the
-- same arguments. A third run calls the bridge's in a coroutine, yields inside each metamethod and comparator, and ends a slice
-- wherever that can be; nothing may change by that.
--
-- Chunk of table_differential.c: called with the bridge's and Lua's functions, each {table, utf8, string, base}, and Lua's
-- coroutine library, and a function that turns slices on and off; returns a function of (seed, case), which returns nil or a description of the difference.
local bridge, lua, coroutine, set_slices = ...
local random, mtype, tconcat, format = math.random, math.type, lua.table.concat, lua.string.format
local tostring, pairs, ipairs, type = lua.base.tostring, pairs, lua.base.ipairs, type

-- How many metamethods and comparators one call may call: some of the ways are endless.
local BUDGET = 400

local yields -- whether the run that is on is the one that yields
local log, budget, names

local function note(...)
    budget = budget - 1
    if budget < 0 then error("budget", 0) end
    local words = {...}
    for i = 1, select("#", ...) do
        local v = words[i]
        words[i] = names[v] or (type(v) == "number" and format("%s:%s", mtype(v), v))
            or (type(v) == "string" and v) or type(v)
    end
    log[#log + 1] = tconcat(words, " ")
    if yields then coroutine.yield() end
end

local function describe(v)
    if v == nil then return "nil" end
    if names[v] then return names[v] end
    if type(v) == "number" then return format("%s:%s", mtype(v), v) end
    if type(v) == "string" then return format("%q", v) end
    return type(v)
end

-- ---- Values ---------------------------------------------------------------------------------------------------------

local extremes = {
    0, 1, -1, 2, 3, 2^31, 2^31 - 1, -2^31, 2^53, 1 << 53, 1 << 62, -(1 << 62), math.maxinteger, math.mininteger,
    math.maxinteger - 1, math.mininteger + 1, 0x7FFFFFFF, 0x80000000,
}

local function integer(near)
    local kind = random(10)
    if kind <= 7 then return random(-2, near + 3) end
    if kind == 8 then return extremes[random(#extremes)] end
    if kind == 9 then return random(near) + 0.0 end
    return tostring(random(near))
end

local function oddity()
    return ({nil, true, "x", {}, 1.5, type, "0x10", 0/0})[random(8)]
end

local function argument(near)
    if random(40) == 1 then return oddity() end
    return integer(near)
end

local by_lt = {}
by_lt.__lt = function(a, b)
    note("lt", a, b)
    local x, y = a, b
    if type(a) == "table" then x = a.value end
    if type(b) == "table" then y = b.value end
    return x < y
end
by_lt.__concat = function(a, b) note("concat", a, b) return "c" end

local function element(kind, i)
    if kind == 1 then return random(20) end
    if kind == 2 then return random() * 10 end
    if kind == 3 then return tostring(random(50)) end
    if kind == 4 then
        local e = setmetatable({value = random(9)}, by_lt)
        names[e] = "e" .. i .. "=" .. e.value
        return e
    end
    if kind == 5 then return ({random(9), "s" .. random(9), random(9) / 2})[random(3)] end
    if kind == 6 then return i end
    if kind == 7 then return -i end
    if kind == 8 then return random(3) end
    return ({random(9), "x", true, {}, nil, by_lt})[random(6)]
end

local function elements(count)
    local t, kind = {}, random(9)
    for i = 1, count do t[i] = element(kind, i) end
    if random(15) == 1 and count > 0 then t[random(count)] = nil end
    if random(30) == 1 then t[integer(count + 2)] = element(kind, 0) end
    return t
end

-- A proxy of a table, with some of the metamethods; each of them notes its call.
local function proxy(store, name)
    local meta, p = {}, {}
    if random(12) > 1 then
        if random(5) == 1 then
            meta.__index = store
        else
            meta.__index = function(t, k) note("index", t, k) return store[k] end
        end
    end
    if random(12) > 1 then
        local kind = random(6)
        if kind == 1 then
            meta.__newindex = store
        elseif kind == 2 then
            meta.__newindex = function(t, k, v) note("rawset", t, k) rawset(t, k, v) end
        else
            meta.__newindex = function(t, k, v) note("newindex", t, k, describe(v)) store[k] = v end
        end
    end
    local kind = random(12)
    if kind <= 7 then
        local count = rawlen(store)
        meta.__len = function(...) note("len", select("#", ...), ...) return count end
    elseif kind == 8 then
        local result = oddity()
        if type(meta.__index) == "function" and random(2) == 1 then result = integer(rawlen(store)) end
        meta.__len = function(t) note("len", t) return result end
    end
    if random(5) == 1 then meta.__eq = function(a, b) note("eq", a, b) return rawlen(store) % 2 == 0 end end
    if random(3) == 1 then for i = 1, random(3) do p[i] = element(1, i) end end
    names[p] = name
    return setmetatable(p, meta)
end

local function classed(t, name)
    local base = {}
    for i = 1, random(0, 3) do base[random(12)] = "base" .. i end
    local class = setmetatable({}, random(2) == 1 and {__index = base} or nil)
    class.__index = class
    if random(4) == 1 then class.__newindex = base end
    names[t] = name
    return setmetatable(t, class)
end

local function subject(count, name)
    local kind = random(20)
    local t = elements(count)
    if kind <= 8 then
        names[t] = name
        return t
    end
    if kind <= 15 then return proxy(t, name) end
    if kind <= 18 then return classed(t, name) end
    if kind == 19 then return proxy(proxy(t, name .. "'"), name) end
    return oddity()
end

-- Whether a way along this many elements ends: by itself, or because a metamethod's budget is used up.
local function ends(t, count)
    if count < 500 then return true end
    local meta = type(t) == "table" and getmetatable(t)
    return meta and type(meta.__index) == "function" or false
end

-- ---- Comparators ----------------------------------------------------------------------------------------------------

local function order(a, b)
    local x = type(a) == "table" and a.value or a
    local y = type(b) == "table" and b.value or b
    if type(x) == type(y) and (type(x) == "number" or type(x) == "string") then return x < y end
    return type(x) < type(y)
end

local function comparator(t)
    local kind = random(14)
    local state, calls = random(1 << 30), 0
    if kind <= 3 then return nil end
    return function(a, b)
        note("compare", describe(a), describe(b))
        calls = calls + 1
        if kind <= 6 then return order(a, b) end
        if kind == 7 then return order(b, a) end
        if kind == 8 then return true end
        if kind == 9 then return nil end
        if kind == 10 then return not order(b, a) end
        if kind == 11 then
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            return state & 0x10000 ~= 0
        end
        if kind == 12 and calls == 3 then error({}, 0) end
        if kind == 12 and calls == 5 then error("failed") end
        if kind == 13 and calls == 2 and type(t) == "table" then t[random(9)] = nil t[2] = calls end
        if kind == 14 and calls == 3 and type(t) == "table" and not getmetatable(t) then
            setmetatable(t, {__index = function(_, k) return k end, __newindex = by_lt})
        end
        return order(a, b)
    end
end

-- ---- Operations: each makes its arguments, and returns a function of the library and what to look at afterwards --------

local operations = {}
local function operation(make) operations[#operations + 1] = make end

operation(function() -- insert
    local n = random(0, 12)
    local t, count = subject(n, "t"), ({1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 5})[random(12)]
    local a, v = argument(n), describe(random(9))
    return function(l)
        if count == 1 then return l.table.insert(t) end
        if count == 2 then local x = l.table.insert(t, v) return x end
        if count == 3 then local x = l.table.insert(t, a, v) return x end
        if count == 4 then local x = l.table.insert(t, a, v, 1) return x end
        local x = l.table.insert() return x
    end, t
end)

operation(function() -- remove
    local n = random(0, 12)
    local t, count = subject(n, "t"), random(2, 5)
    local a = argument(n)
    return function(l)
        if count <= 3 then local x, y = l.table.remove(t) return x, y end
        if count == 4 then local x, y = l.table.remove(t, a) return x, y end
        local x, y = l.table.remove(t, a, 7) return x, y
    end, t
end)

operation(function() -- move
    local n = random(0, 12)
    local t, u = subject(n, "t"), random(2) == 1 and subject(random(0, 12), "u") or nil
    local f, e, to = argument(n), argument(n), argument(n)
    local first, last = math.tointeger(tonumber(f)), math.tointeger(tonumber(e))
    if first and last and first <= last and not ends(t, last // 2 - first // 2) then f, e = 1, n end
    return function(l)
        local x, y = l.table.move(t, f, e, to, u)
        return x, y
    end, t, u
end)

operation(function() -- concat
    local n = random(0, 12)
    local t = subject(n, "t")
    local sep, i, j = ({nil, "", ",", ", ", 5, "long separator"})[random(6)], nil, nil
    if random(3) == 1 then i = argument(n) end
    if random(3) == 1 then j = argument(n) end
    if random(40) == 1 then sep = oddity() end
    return function(l)
        local x, y = l.table.concat(t, sep, i, j)
        return x, y
    end, t
end)

operation(function() -- concat of longer ones
    local t = {}
    for i = 1, random(200) do t[i] = string.rep("x", random(0, 100)) end
    names[t] = "t"
    if random(2) == 1 then t = proxy(t, "p") end
    return function(l)
        local x = l.table.concat(t, ";")
        return x
    end
end)

operation(function() -- unpack
    local n = random(0, 12)
    local t, count = subject(n, "t"), random(3)
    local i, j = argument(n), argument(n)
    local first, last = math.tointeger(tonumber(i)), math.tointeger(tonumber(j))
    -- A million results are the stack's limit, and take long.
    if first and last and first <= last and math.ult(last - first, 2000000) and last - first > 1000 then j = n end
    return function(l)
        if count == 1 then return lua.table.pack(l.table.unpack(t)) end
        if count == 2 then return lua.table.pack(l.table.unpack(t, i)) end
        return lua.table.pack(l.table.unpack(t, i, j))
    end, t
end)

local function sort(n)
    local t = subject(n, "t")
    local f = comparator(t)
    if random(60) == 1 then f = oddity() end
    return function(l)
        local x = l.table.sort(t, f)
        return x
    end, t
end
operation(function() return sort(random(0, 12)) end)
operation(function() return sort(random(0, 40)) end)

operation(function() -- larger sorts without notes: any order of equal elements, and any pivots, but the same result
    local t, kind, n = {}, random(5), random(50, 2000)
    for i = 1, n do
        t[i] = kind == 1 and i or kind == 2 and -i or kind == 3 and random(10) or kind == 4 and random(n)
            or (i <= n // 2 and i or n - i)
    end
    local descending = random(2) == 1
    return function(l)
        if descending then
            l.table.sort(t, function(a, b) return a > b end)
        else
            l.table.sort(t)
        end
        return lua.table.concat(t, " ")
    end
end)

local pieces = {"a", "\0", "\u{e4}", "\u{20ac}", "\u{1f600}", "\x80", "\xBF", "\xC3", "\xE2\x82", "\xF0\x9F", "\xFF", "\xFE",
    "\u{D7FF}", "\xED\xA0\x80", "\xED\xBF\xBF", "\u{10FFFF}", "\u{110000}", "\u{7FFFFFFF}", "\xC0\x80", "\xC1\xBF", "\u{E000}",
    "\xE0\x80\x80", "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xF0\x80\x80\x80", "\xF8\x80\x80\x80\x80", "z"}
local function text()
    local t = {}
    local safe = random(2) == 1
    for i = 1, random(0, 8) do
        t[i] = safe and pieces[random(5)] or pieces[random(#pieces)]
        if random(30) == 1 then t[i] = string.char(random(0, 255)) end
    end
    if random(60) == 1 then return oddity() end
    return tconcat(t)
end

operation(function() -- utf8.len
    local s, i, j, lax, count = text(), argument(8), argument(8), random(2) == 1, random(4)
    return function(l)
        if count == 1 then local x, y = l.utf8.len(s) return x, y end
        if count == 2 then local x, y = l.utf8.len(s, i) return x, y end
        if count == 3 then local x, y = l.utf8.len(s, 1, -1, lax) return x, y end
        local x, y = l.utf8.len(s, i, j, lax) return x, y
    end
end)

operation(function() -- utf8.codepoint
    local s, i, j, lax, count = text(), argument(8), argument(8), random(2) == 1, random(4)
    return function(l)
        if count == 1 then return lua.table.pack(l.utf8.codepoint(s)) end
        if count == 2 then return lua.table.pack(l.utf8.codepoint(s, i)) end
        if count == 3 then return lua.table.pack(l.utf8.codepoint(s, 1, -1, lax)) end
        return lua.table.pack(l.utf8.codepoint(s, i, j, lax))
    end
end)

operation(function() -- utf8.offset
    local s, n, i, count = text(), argument(8), argument(8), random(3)
    return function(l)
        if count == 1 then local x, y = l.utf8.offset(s, n) return x, y end
        local x, y = l.utf8.offset(s, n, i) return x, y
    end
end)

operation(function() -- utf8.codes, and its iterator with any position
    local s, lax, at = text(), random(2) == 1 or nil, random(3) == 1 and argument(8) or nil
    return function(l)
        local seen = {}
        local f, state, control = l.utf8.codes(s, lax)
        if at then return f(s, at) end
        for p, c in f, state, control do
            seen[#seen + 1] = p .. "=" .. c
            if #seen > 50 then break end
        end
        return tconcat(seen, " ")
    end
end)

operation(function() -- utf8.char
    local codes = {}
    for i = 1, random(0, 4) do
        local kind = random(8)
        codes[i] = kind == 1 and argument(300) or random(0, 1 << random(5, 32)) or 65
    end
    return function(l)
        local x = l.utf8.char(lua.table.unpack(codes, 1, #codes)) return x
    end
end)

operation(function() -- string.rep; none that takes long, or a great part of the memory
    local s, n, sep = text(), argument(20), ({nil, nil, "", ",", "--", 3})[random(6)]
    local number = math.tointeger(tonumber(n))
    if number and number > 1000 and (number <= 0x7FFFFFFF or s == "") then n = -number end
    if random(50) == 1 then sep = oddity() end
    return function(l)
        local x, y = l.string.rep(s, n, sep) return x, y
    end
end)

operation(function() -- string.lower, upper, reverse
    local s, kind = text(), random(3)
    if random(20) == 1 and s then s = string.rep("aZ\u{e4}\0", random(40000)) end
    return function(l)
        if kind == 1 then local x, y = l.string.lower(s) return x, y end
        if kind == 2 then local x, y = l.string.upper(s) return x, y end
        local x, y = l.string.reverse(s) return x, y
    end
end)

operation(function() -- tostring
    local kind, result = random(8), oddity()
    local v = ({random(9), random(), "text", true})[random(4)]
    if kind <= 4 then
        v = setmetatable({}, {__tostring = function(...)
            note("tostring", select("#", ...))
            if kind == 1 then return result end
            if kind == 2 then error("failed") end
            return "described"
        end, __name = "named"})
    end
    if kind == 5 then v = nil end
    return function(l)
        if kind == 6 then local x = l.base.tostring() return x end
        local x, y = l.base.tostring(v) return x, y
    end
end)

operation(function() -- ipairs, and its iterator with any index
    local n = random(0, 8)
    local t, at = subject(n, "t"), random(4) == 1 and argument(n) or nil
    return function(l)
        local seen = {}
        local f, state, control = l.base.ipairs(t)
        if at then
            local x, y = f(t, at) return x, y
        end
        for i, v in f, state, control do
            seen[#seen + 1] = i .. "=" .. describe(v)
            if #seen > 30 then break end
        end
        return tconcat(seen, " ")
    end, t
end)

operation(function() -- pairs, and next with any key
    local n = random(0, 8)
    local t, kind = subject(n, "t"), random(6)
    if kind == 1 then t = oddity() end
    if kind == 2 then
        local results = random(0, 4)
        t = setmetatable({}, {__pairs = function(...)
            note("pairs", select("#", ...))
            if random(4) == 1 then error("failed") end
            return lua.table.unpack({function(_, i) if i < 3 then return i + 1, "element" end end, "state", 0, 1}, 1, results)
        end})
    end
    local key = kind == 3 and argument(n) or nil
    local again = random(0, 1 << 30)
    return function(l)
        math.randomseed(again) -- the metamethod's choice is the same in each of the runs
        if kind >= 4 then
            local x, y = l.base.next(t, key) return x, y
        end
        if kind == 3 then return l.base.next(t, key) end
        local seen = {}
        for k, v in l.base.pairs(t) do
            seen[#seen + 1] = describe(k) .. "=" .. describe(v)
            if #seen > 30 then break end
        end
        return tconcat(seen, " "), select("#", l.base.pairs(t))
    end, type(t) == "table" and t or nil
end)

-- ---- One case, three times ------------------------------------------------------------------------------------------

local function contents(t, depth)
    if type(t) ~= "table" then return describe(t) end
    local parts = {}
    for k, v in next, t do
        local words = describe(v)
        if type(v) == "table" and depth > 0 then words = words .. contents(v, depth - 1) end
        parts[#parts + 1] = describe(k) .. "=" .. words
    end
    lua.table.sort(parts)
    return "{" .. tconcat(parts, " ") .. "}"
end

local function settle(run, ...)
    local results = lua.table.pack(pcall(run, ...))
    for i = 2, results.n do
        local r = results[i]
        results[i] = describe(r) .. (type(r) == "table" and contents(r, 1) or "")
    end
    results[1] = tostring(results[1])
    return tconcat(results, " | ")
end

local function once(seed, case, library, in_coroutine)
    math.randomseed(seed, case)
    names = {}
    log, budget, yields = {}, BUDGET, false
    local number = random(#operations)
    local run, one, two = operations[number]()
    local result
    yields = in_coroutine
    if in_coroutine then
        local co = coroutine.create(function() return settle(run, library) end)
        local ok
        set_slices(true)
        repeat ok, result = coroutine.resume(co) until coroutine.status(co) == "dead"
        set_slices(false)
        if not ok then result = "coroutine failed: " .. tostring(result) end
    else
        result = settle(run, library)
    end
    yields = false
    return tconcat({"operation " .. number, result, contents(one, 1), contents(two, 1), tconcat(log, "\n")}, "\n")
end

return function(seed, case)
    local expected = once(seed, case, lua, false)
    local plain = once(seed, case, bridge, false)
    if plain ~= expected then return "Lua:\n" .. expected .. "\n\nthe bridge:\n" .. plain end
    local yielding = once(seed, case, bridge, true)
    if yielding ~= expected then return "Lua:\n" .. expected .. "\n\nthe bridge, yielding:\n" .. yielding end
end
