local e = setmetatable({message = "m", type = "host"}, {__tostring = function(t) return t.message .. ask() end})
local cyclic = {} cyclic.self = cyclic
print(pcall(error, e), pcall(error, nil), pcall(error), pcall(error, cyclic, 0), tostring(json.null))
goto done
::done:: error(cyclic)
