-- Asks for each country of one region by itself, one request after the other. Written as if a request took no time.
local countries = http.get(base .. "/countries?region=" .. region).body
log("%s: asking for %d countries one by one", region, #countries)

local decades, first = {}, nil
for _, country in ipairs(countries) do
    local year = http.get(base .. "/un_admissions/" .. country.code).body.admitted
    local decade = string.format("%ds", year // 10 * 10)
    decades[decade] = (decades[decade] or 0) + 1
    if not first or year < first.year then
        first = { year = year, name = country.name }
    end
end
return { members = #countries, decades = decades, first = first }
