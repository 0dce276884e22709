-- Sums up the chemical elements, and finds those whose symbol is also the code of a country.
local elements = http.get(base .. "/elements").body
local countries = http.get(base .. "/countries").body

local names = {}
for _, country in ipairs(countries) do
    names[country.code] = country.name
end

local periods, latin, namesakes = json.array {}, json.array {}, {}
for _, element in ipairs(elements) do
    periods[element.period] = (periods[element.period] or 0) + 1
    if element.symbol:sub(1, 1) ~= element.name:sub(1, 1) then
        latin[#latin + 1] = element.symbol
    end
    namesakes[element.name] = names[element.symbol:upper()]
end
table.sort(latin)
return { periods = periods, latin = latin, namesakes = namesakes }
