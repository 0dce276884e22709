--~00052
local mt = {__close = function(_, e) while true do pcall(error, e) end end}
do local a <close>, b <close> = setmetatable({}, mt), setmetatable({}, mt) error({message = "m", data = {1}}) end
