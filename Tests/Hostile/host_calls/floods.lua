-- Host calls in numbers and sizes that nobody wants.

--# a_flood_of_requests -> cpu, limit
while true do fetch("again") end

--# a_flood_of_callbacks -> cpu, limit
while true do ask("again") end

--# a_flood_in_pcall -> cpu, limit
while true do pcall(fetch, "again") pcall(ask, "again") end

--# errors_ignored_for_ever -> cpu, limit; host error
while true do pcall(fetch, "again") end

--# a_flood_of_big_arguments -> cpu, limit
local s = ("x"):rep(900000)
while true do fetch(s) end

--# arguments_too_big_for_ever -> cpu, limit
local s = ("x"):rep(2000000)
while true do pcall(fetch, s) pcall(ask, s) end

--# an_argument_that_fills_the_memory_twice -> memory, limit
local t = {}
while true do t[#t + 1] = fetch(("x"):rep(1000000)) end

--# calls_that_nobody_answers -> timeout, limit; host never
while true do pcall(fetch, 1) end

--# a_call_that_nobody_answers -> timeout; host never
fetch(1)

--# a_callback_with_many_arguments -> value, limit, conversion, memory
-- Lua 5.4.7 and later collect no garbage while a stack grows: in a context that others have filled it may not.
ask(table.unpack({}, 1, 20000))

--# a_call_with_no_arguments -> value
fetch()
ask()
db.find()
