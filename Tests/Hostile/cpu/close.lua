-- Variables to be closed: their handlers run while the stop unwinds the stack.

--# close_handler_loops -> cpu
do local c <close> = setmetatable({}, { __close = function() while true do end end }) end

--# close_handler_loops_on_the_way_out -> cpu
local c <close> = setmetatable({}, { __close = function() while true do end end })
while true do end

--# many_close_handlers -> cpu
local mt = { __close = function() while true do pcall(error) end end }
local function deep(n)
    local c <close> = setmetatable({}, mt)
    if n > 0 then deep(n - 1) end
    while true do end
end
deep(5000)

--# close_handlers_that_open_others -> cpu
local mt = {}
mt.__close = function()
    local c <close> = setmetatable({}, mt)
    while true do end
end
local c <close> = setmetatable({}, mt)
while true do end

--# close_in_a_generic_loop -> cpu
local mt = { __close = function() while true do end end }
for _ in function() return 1 end, nil, nil, setmetatable({}, mt) do break end

--# close_handler_that_replaces_the_error -> cpu
while true do
    pcall(function()
        local c <close> = setmetatable({}, { __close = function(_, e) error("other") end })
        error("one")
    end)
end

--# close_handler_that_calls_the_host -> cpu
local c <close> = setmetatable({}, { __close = function() fetch("while being stopped") ask(1) end })
while true do pcall(function()
    local d <close> = setmetatable({}, { __close = function() pcall(fetch, 1) pcall(ask, 1) end })
    while true do end
end) end
