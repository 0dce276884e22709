-- Never ends by itself, and catches whatever it can.
while true do
    pcall(function()
        while true do
        end
    end)
end
