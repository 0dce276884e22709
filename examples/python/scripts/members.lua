-- Joins the members of the United Nations with their years of admission, and sums them up by region.
local countries = http.get(base .. "/countries").body
local admissions = http.get(base .. "/un_admissions").body
log("%d countries, %d admissions", #countries, #admissions)

local admitted = {}
for _, record in ipairs(admissions) do
    admitted[record.code] = record.admitted
end

local regions = {}
for _, country in ipairs(countries) do
    local year = assert(admitted[country.code], country.name .. " has no year of admission")
    local region = regions[country.region]
    if not region then
        region = { members = 0, founders = 0, latest = { year = 0 } }
        regions[country.region] = region
    end
    region.members = region.members + 1
    if year == 1945 then
        region.founders = region.founders + 1
    end
    if year > region.latest.year then
        region.latest = { year = year, name = country.name }
    end
end
return regions
