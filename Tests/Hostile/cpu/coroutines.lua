-- Coroutines that resume one another while they are being stopped.

--# loop_in_a_coroutine -> cpu
coroutine.wrap(function() while true do end end)()

--# resume_loop -> cpu
while true do coroutine.resume(coroutine.create(function() while true do end end)) end

--# coroutines_that_fail_one_after_the_other -> cpu
while true do coroutine.resume(coroutine.create(error), "x") end

--# wraps_that_fail -> cpu
while true do pcall(coroutine.wrap(error), "x") end

--# ping_pong -> cpu
local a = coroutine.wrap(function() while true do coroutine.yield() end end)
while true do a() end

--# chain_of_loops -> cpu
local function level(n)
    while true do
        if n == 0 then while true do end end
        coroutine.resume(coroutine.create(level), n - 1)
    end
end
level(100)

--# chain_at_the_limit_of_c_calls -> cpu
local function level(n)
    while true do
        local ok = coroutine.resume(coroutine.create(level), n + 1)
        if not ok then pcall(function() while true do end end) end
    end
end
level(0)

--# close_of_coroutines_that_loop -> cpu
while true do
    local co = coroutine.create(function()
        local c <close> = setmetatable({}, { __close = function() while true do end end })
        coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co)
end

--# generators_of_generators -> cpu
local function generator(n)
    return coroutine.wrap(function()
        if n > 0 then for v in generator(n - 1) do coroutine.yield(v) end end
        while true do coroutine.yield(n) end
    end)
end
for _ in generator(50) do end

--# coroutine_in_a_comparator -> cpu
while true do
    pcall(table.sort, { 3, 2, 1 }, function()
        coroutine.wrap(function() while true do end end)()
    end)
end

--# yields_across_pcall -> cpu
local co = coroutine.wrap(function() while true do pcall(coroutine.yield) end end)
while true do co() end

--# status_loop -> cpu
local co = coroutine.create(print)
while true do coroutine.status(co) coroutine.isyieldable(co) coroutine.running() end
