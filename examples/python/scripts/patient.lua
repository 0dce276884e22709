-- Sleeps and wakes; while it sleeps it holds no thread, and nobody waits for it.
local naps = 0
for _ = 1, 20 do
    sleep(0.05)
    naps = naps + 1
end
return naps
