-- What each generated program begins with (programs.lua). A program says the same in every run: it shows no addresses,
-- and does not look at what a collection may take away. It ends: each function of its spends from a budget, and nests
-- only so deep.
--
-- From the driver: `close_at`, at which yield of a coroutine the program closes it; 0 is never.
local pack, unpack, select, type, error = table.pack, table.unpack, select, type, error
local BUDGET, MOST_DEPTH = 160, 9
local lines, spent, depth, yields, is_quiet = {}, 0, 0, 0, false
local O, M = {}, {} -- objects and their metatables

-- ---- Saying what happens --------------------------------------------------------------------------------------------

local function show(v)
    local kind = type(v)
    if kind == "string" then return (v:sub(1, 200):gsub("0x%x+", "0x")) end
    if kind == "number" or kind == "boolean" or kind == "nil" then return tostring(v) end
    if kind ~= "table" then return kind end
    return "{" .. show(rawget(v, "v")) .. show(rawget(v, "message")) .. "}"
end

local function note(...)
    if is_quiet then return end
    local words = {}
    for i = 1, select("#", ...) do words[i] = show((select(i, ...))) end
    if #lines < 400 then lines[#lines + 1] = table.concat(words, " ") end
end

-- ---- Errors ---------------------------------------------------------------------------------------------------------

-- A lack of memory is nothing that a program catches: it would go on with another result than without it.
local function is_lack(e)
    if type(e) == "table" then e = rawget(e, "message") end
    return type(e) == "string" and e:find("not enough memory", 1, true) ~= nil
end

local function pass_on_lack(d, ok, ...)
    depth = d
    if not ok and is_lack((...)) then error((...), 0) end
    return ok, ...
end

local function try(f, ...) return pass_on_lack(depth, pcall(f, ...)) end

local function try_with(f, handler, ...)
    return pass_on_lack(depth, xpcall(f, function(e)
        if is_lack(e) then return e end
        return handler(e)
    end, ...))
end

-- Runs what may end so or so: whether something has been collected shows in it.
local function quietly(f)
    local s, d, q = spent, depth, is_quiet
    is_quiet = true
    local ok, e = pcall(f)
    spent, depth, is_quiet = s, d, q
    if not ok and is_lack(e) then error(e, 0) end
end

-- ---- Bounds ---------------------------------------------------------------------------------------------------------

-- True when a function has to return at once; else it calls leave() in the end.
local function enter()
    if spent >= BUDGET or depth >= MOST_DEPTH then return true end
    spent, depth = spent + 1, depth + 1
end

local function leave(...)
    depth = depth - 1
    return ...
end

-- ---- Disturbances ---------------------------------------------------------------------------------------------------

-- Makes the stack grow, and thereby move.
local function deepen(n)
    if n == 0 then return 0 end
    return 1 + deepen(n - 1)
end

-- Calls a function at the end of a deep stack.
local function down(n, f, ...)
    if n == 0 then return f(...) end
    return (down(n - 1, f, ...))
end

-- Makes it grow by values.
local function widen(n) return select("#", unpack({}, 1, n)) end

local function litter(n)
    local t = {}
    for i = 1, n do t[i] = {i, "litter " .. i, function() return t, i end} end
    return #t
end

local function ask_host(f, ...)
    if is_quiet then return nil end
    return (f(...))
end

-- ---- Coroutines -----------------------------------------------------------------------------------------------------

local function close(co)
    local status = coroutine.status(co)
    if status ~= "suspended" and status ~= "dead" then return status end
    return pass_on_lack(depth, coroutine.close(co))
end

local function resumed(co, ...)
    if coroutine.status(co) == "suspended" and not is_quiet then
        yields = yields + 1
        if yields == close_at then note("closed", close(co)) end
    end
    return ...
end

local function resume(co, ...) return resumed(co, pass_on_lack(depth, coroutine.resume(co, ...))) end

local function pause(...)
    if coroutine.isyieldable() then return coroutine.yield(...) end
    return "cannot pause"
end

-- Coroutines that have begun, and that anybody may resume or close.
local others = {}

local function any_other(i) return others[(i - 1) % (#others > 0 and #others or 1) + 1] end

local function close_other(i)
    local co = any_other(i)
    if co and not is_quiet then note("close other", close(co)) end
end

local function resume_other(i, ...)
    local co = any_other(i)
    if co and not is_quiet and coroutine.status(co) == "suspended" then return resume(co, ...) end
end
