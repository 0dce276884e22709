-- Writes programs whose metamethods, handlers, comparators, callbacks, iterators and coroutines disturb Lua in the
-- middle of what it does: they make the stack move, collect garbage, park, raise, and close each other.
--
-- Chunk of chaos.c: gives a function of (seed, number), which returns a program's text. The prelude comes before it.
local OBJECTS, METATABLES, MOST_NESTING = 8, 6, 3

local random = math.random
local function one_of(list) return list[random(#list)] end
local function chance(percent) return random(100) <= percent end
local function object() return "O[" .. random(OBJECTS) .. "]" end

-- ---- Disturbances ---------------------------------------------------------------------------------------------------

local disturbances = {
    function() return ("deepen(%d)"):format(one_of {5, 20, 60, 100, 180}) end,
    function() return ("deepen(%d) collectgarbage()"):format(random(30, 120)) end,
    function() return "collectgarbage()" end,
    function() return "collectgarbage() collectgarbage()" end,
    function() return "collectgarbage('step')" end,
    function() return ("litter(%d)"):format(random(12)) end,
    function() return ("widen(%d)"):format(random(10, 250)) end,
    function() return ("note('fetched', ask_host(fetch, %d))"):format(random(9)) end,
    function() return ("ask_host(fetch, {%d, 'x'})"):format(random(9)) end,
    function() return ("note('asked', ask_host(ask, %d))"):format(random(9)) end,
    function() return ("note('paused', pause(%d))"):format(random(9)) end,
    function() return ("close_other(%d)"):format(random(4)) end,
    function() return ("note('resumed', resume_other(%d, %d))"):format(random(4), random(9)) end,
    function() return ("note('down', down(%d, function() collectgarbage() return 1 end))"):format(random(40)) end,
}

local function disturb()
    local text = one_of(disturbances)()
    if chance(30) then text = text .. " " .. one_of(disturbances)() end
    if chance(6) then text = ("if spent %% %d == 0 then error(%s) end"):format(random(2, 4), one_of {
        "'raised'", "'raised', 0", object(), "{message = 'in a table'}", "nil", "err(1)", "err(2)"}) end
    return text
end

-- ---- Expressions ----------------------------------------------------------------------------------------------------

local expression

local function operand(nesting)
    if nesting > 0 and chance(30) then return "(" .. expression(nesting - 1) .. ")" end
    return one_of {"x", "y", "x", "y", object(), object(), tostring(random(9)), "'a'", "'b'", "('c'):rep(3)"}
end

local operators = {"+", "-", "*", "/", "%", "//", "==", "<", "<=", ">", "~="}

local expressions = {
    function(nesting) -- the longer the chain, the more of it is still to come when the stack moves
        local parts = {}
        for i = 1, random(2, 6) do parts[i] = operand(nesting) end
        return table.concat(parts, " .. ")
    end,
    function(nesting) return operand(nesting) .. " " .. one_of(operators) .. " " .. operand(nesting) end,
    function() return one_of {"-x", "#x", "~x", "x.f", "x[1]", "x(1)", "x(y, 2)", "x:m(3)", "y[x]", "tostring(x)"} end,
    function() return ("'failed: ' .. err(%d) .. '!'"):format(random(9)) end,
    function() return ("err(%d) .. x .. 'a' .. err(%d)"):format(random(9), random(9)) end,
    function() return ("string.format('%%s %%s', named(x), named(%s))"):format(object()) end,
    function() return "table.concat(list(x, 3), '-')" end,
    function() return "select('#', table.unpack(list(y, 5), 1, 5))" end,
    function(nesting)
        return "(function(...) return ... end)(" .. operand(nesting) .. ", " .. operand(nesting) .. ")" end,
    function(nesting) return ("down(%d, function(v) return v end, %s)"):format(random(30), operand(nesting)) end,
}

function expression(nesting)
    if chance(45) then return expressions[1](nesting) end
    return one_of(expressions)(nesting)
end

-- ---- Statements -----------------------------------------------------------------------------------------------------

local block

-- A function's text: `last` is its return's expression.
local function func(parameters, nesting, last)
    return ("function(%s) if enter() then return %s end\nlocal x, y = %s, %s\n%s\nreturn leave(%s) end"):format(
        parameters, last, parameters:match("^a") and chance(70) and "a" or object(), object(), block(nesting), last)
end

local function closing(nesting)
    return ("setmetatable({}, {__close = function(_, e) if is_lack(e) or enter() then return end\n"
        .. "%s\nleave() end})"):format(block(nesting))
end

-- A coroutine's body, with some pauses in it.
local function body(nesting)
    local closer = chance(60) and ("local c <close> = %s\n"):format(closing(nesting - 1)) or ""
    local waiting = chance(50)
        and ("note(down(%d, function() return try_with(pause, function(m) return m end, %d) end))"):format(
            one_of {0, 3, 30, 150}, random(9))
        or ("note(pause(%d))"):format(random(9))
    return ("function(...) local x, y = ..., %s\n%s%s\n%s\n%s\nreturn %s end"):format(
        object(), closer, block(nesting - 1), waiting, block(nesting - 1), expression(1))
end

local statements = {
    function() return "note(" .. expression(2) .. ")" end,
    function() return "note(try(function() return " .. expression(2) .. " end))" end,
    function() return disturb() end,
    function(n) return ("do local c <close> = %s\n%s end"):format(closing(n - 1), block(n - 1)) end,
    function() return "print(named(x), named(" .. expression(1) .. "), named(y))" end,
    function() return ("note(try(function() local t = {x, y, %s, %s} table.sort(t) return t[1] end))"):format(
        object(), object()) end,
    function() return ("note(try(function() return #ask_host(ask, {sent(%s), {k = sent(%s)}}) end))"):format(
        expression(0), expression(0)) end,
    function(n)
        return ("note(try_with(function() %s\nreturn %s end, function(m) %s return show(m) .. '!' end))"):format(
        block(n - 1), expression(1), disturb()) end,
    function(n) return ("for k, v in pairs(%s) do note(k, v) %s if k ~= 1 then break end end"):format(
        object(), disturb(), n) end,
    function(n) return ("for i in counter(%d, function() %s end, %s) do note(i) %s end"):format(
        random(3), disturb(), closing(n - 1), disturb()) end,
    function() return ("note(sorted({%s, %s, %s, %s}, function(a, b) %s return a.v < b.v end))"):format(
        object(), object(), object(), object(), disturb()) end,
    function() return ("note(('abcd'):gsub('%%w', function(c) %s return %s end))"):format(
        disturb(), one_of {"c .. 'z'", "nil", "tostring(x)"}) end,
    function()
        return ("note(('ab'):gsub('%%w', setmetatable({}, {__index = function(_, k) %s return k .. 1 end})))"):format(
        disturb()) end,
    function() return ("do local n = 0 local f, e = load(function() n = n + 1 %s return pieces[n] end)\n"
        .. "if not f then error(e, 0) end note(f(%s)) end"):format(disturb(), expression(1)) end,
    function(n)
        return ("do local co = coroutine.create(%s)\nfor i = 1, %d do note(resume(co, i)) end\n%s\n%s end"):format(
        body(n), random(3), disturb(), one_of {"note(close(co))", "others[#others + 1] = co", "note(resume(co))"}) end,
    function(n) return ("do local f = coroutine.wrap(%s)\nnote(try(f, x)) %s note(try(f, y)) end"):format(
        body(n), disturb()) end,
    -- Upvalues that are still on the stack.
    function()
        return ("do local u = %d local f = function() u = u + 1 return u end %s note(f() + u) %s note(f(), u) end")
        :format(random(9), disturb(), disturb()) end,
    function() return ("do local t = {} for i = 1, %d do t[i] = x .. i t['k' .. i] = i end note(#t, t.k1) end"):format(
        random(9)) end,
    function()
        return ("x[1], y.z = %s, %s note(rawget(x, 1), rawget(y, 'z'))"):format(expression(1), expression(1)) end,
    function()
        return ("note((function(...) %s return select('#', ...), (...) end)(table.unpack({x, y}, 1, %d)))"):format(
        disturb(), random(120)) end,
    function() return ("do local t = table.move(list(x, 3), 1, 3, 2, proxy()) table.insert(t, %s) note(#t) end"):format(
        expression(0)) end,
    -- Only the metatable leads to the table, and it is weak.
    function()
        return ("quietly(function() local t = weakly('%s', {}) for i = 1, %d do t[%s] = i local _ = t.none end end)")
        :format(one_of {"__newindex", "__newindex", "__index"}, random(9), one_of {"i", "'k' .. i", "{}"}) end,
    function()
        return ("quietly(function() local t = weakly('%s', function() %s return 'r' end) return t %s t .. 'b' end)")
        :format(one_of {"__concat", "__index", "__add", "__eq"}, disturb(), one_of {"..", "+", "=="}) end,
    function() return ("quietly(function() local w = setmetatable({}, {__mode = '%s'}) for i = 1, %d do w[{}] = {w} "
        .. "w[i] = {} w['k' .. i] = w[{}] or {w[i]} end next(w) end)"):format(one_of {"k", "v", "kv"}, random(12)) end,
    function() return ("do local w, k = setmetatable({}, {__mode = 'k'}), {} w[k] = {v = k} %s note(w[k].v == k) end")
        :format(disturb()) end,
    -- What is given to a table that a collection under way has seen already, or has not.
    function() return ("do local t = setmetatable({}, {__mode = '%s'}) step(%d) "
        .. "setmetatable(t, {__mode = '%s', __index = function() %s return 'found' end}) step() note(t.x) end"):format(
        one_of {"kv", "kv", "k", "v"}, random(40), one_of {"kv", "k"}, disturb()) end,
    function() return ("do local m = {} m.__newindex = m local t = setmetatable({}, m) step(%d) t.__newindex = {'kept'} "
        .. "%s step() note(m.__newindex[1]) end"):format(random(40), one_of {"", disturb()}) end,
}

function block(nesting)
    local parts = {}
    for i = 1, nesting <= 0 and 1 or random(nesting) do
        parts[i] = nesting <= 0 and (chance(75) and disturb() or statements[1]()) or one_of(statements)(nesting)
    end
    if chance(50) then parts[#parts + 1] = disturb() end
    return table.concat(parts, "\n")
end

-- ---- Metatables and the whole ---------------------------------------------------------------------------------------

-- Each event with what its function returns.
local events = {
    __concat = {"'r'", "'r'", "show(a) .. show(b)", "b", "{}"},
    __index = {"'i'", "b", "1"},
    __call = {"'called'", "b"},
    __add = {"1", "a"}, __sub = {"2"}, __mul = {"3"}, __div = {"4"}, __mod = {"5"}, __idiv = {"6"},
    __unm = {"7", "'u'"}, __bnot = {"8"}, __len = {"3", "9"}, __eq = {"true", "false"}, __lt = {"true", "false", "1"},
    __le = {"true", "nil"},
    __tostring = {"'text'", "'t' .. spent"}, __newindex = {"nil"}, __close = {"nil"},
}
local event_names = {}
for name in pairs(events) do event_names[#event_names + 1] = name end
table.sort(event_names)

local function metatable(i)
    local parts = {("M[%d] = {__name = 'name%d'}"):format(i, i)}
    for _, name in ipairs(event_names) do
        if chance(name == "__concat" and 90 or 60) then
            local parameters = name == "__close" and "self, e" or "a, b"
            local text = func(parameters, 1, one_of(events[name]))
            parts[#parts + 1] = ("M[%d].%s = %s"):format(i, name, text)
        end
    end
    if chance(40) then
        parts[#parts + 1] = ("M[%d].__pairs = function(t) %s return function(_, k) k = (k or 0) + 1 "
            .. "if k < 4 then return k, 'p' .. k end end, t, nil end"):format(i, disturb())
    end
    if chance(25) then parts[#parts + 1] = ("M[%d].__index = setmetatable({}, M[%d])"):format(i, random(METATABLES)) end
    return table.concat(parts, "\n")
end

local helpers = [[
local pieces = {"local a = ... ", "return ", "a"}
local function err(i)
    local ok, e = try(ask_host, fetch, i)
    return e
end
local function list(x, n)
    local t = {}
    for i = 1, n do t[i] = i end
    return x and setmetatable(t, {__index = function(_, k) return k end}) or t
end
local function named(v) -- what shows no address
    local m = getmetatable(v)
    if type(v) == "string" then return show(v) end
    return type(v) == "table" and not (m and m.__tostring) and "unnamed" or v
end
local function step(n) -- the collector; to the end of its collection
    if n == nil then repeat until collectgarbage("step") end
    for _ = 1, n or 0 do collectgarbage("step") end
end
local function sent(v) return type(v) == "string" and show(v) or v end
local function proxy()
    return setmetatable({}, {__newindex = function(t, k, v) collectgarbage() rawset(t, k, v) end})
end
local function weakly(event, value) return setmetatable({}, setmetatable({[event] = value}, {__mode = "v"})) end
local function sorted(t, less)
    for i = 1, #t do t[i] = {v = i * 7 % 11, o = t[i]} end
    table.sort(t, less)
    return t[1].v, t[#t].v
end
local function counter(n, step, closer)
    return function(_, i) step() if i < n then return i + 1 end end, nil, 0, closer
end
]]

return function(seed, number)
    math.randomseed(seed, number)
    local parts = {helpers}
    -- All objects are there before the first metamethod runs.
    parts[#parts + 1] = ("for i = 1, %d do M[i] = {} end for i = 1, %d do O[i] = {v = i} end"):format(
        METATABLES, OBJECTS)
    for i = 1, METATABLES do parts[#parts + 1] = metatable(i) end
    for i = 1, OBJECTS do parts[#parts + 1] = ("setmetatable(O[%d], M[%d])"):format(i, random(METATABLES)) end
    for _ = 1, random(3, 7) do
        parts[#parts + 1] = ("note(try(function() local x, y = %s, %s\n%s\nend))"):format(
            object(), object(), one_of(statements)(MOST_NESTING))
    end
    if chance(20) then
        parts[#parts + 1] = ("local x, y = %s, %s\n%s\n%s"):format(
            object(), object(), one_of(statements)(1),
            one_of {"error('at the end')", "error(err(1))", "error(O[1], 2)"})
    end
    parts[#parts + 1] = "return yields, lines"
    return table.concat(parts, "\n")
end
