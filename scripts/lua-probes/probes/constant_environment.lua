-- A global name under a constant _ENV became an access to a register that the function does not have.
-- CVE-2022-28805, upstream 1f3c6f45; seen in 5.4.2 to 5.4.4.
local constants = {}
for i = 1, 150 do constants[i] = ("local c%d <const> = %d\n"):format(i, i) end
local f = assert(load(table.concat(constants) .. "local _ENV <const> = 1 x = 2"))
local ok, message = pcall(coroutine.wrap(f))
return not ok and message:find("attempt to index a number value", 1, true) ~= nil or tostring(message)
