-- Asks for a country that does not exist, catches the host's error, and goes on.
local ok, problem = pcall(http.get, base .. "/countries/XX")
if ok then
    error("there is a country XX")
end
log("caught: %s", tostring(problem))
return {
    type = problem.type,
    kind = problem.host_type,
    status = problem.data.status,
    instead = http.get(base .. "/countries/FR").body.name,
}
