-- Reserves all keys of one delivery, or none.
--
-- KEYS[i]   a key by which the delivery is known: absent, "d" (done), or the token of whoever has it
-- ARGV[1]   our token
-- ARGV[2]   the lease, in ms
-- returns   { 0, 0 } reserved, { 1, 0 } done before, { 2, ms } somebody else has it for so long
--
-- Done outweighs in flight: whoever finished first has delivered. Our own token is a repetition of
-- this very command, whose answer was lost.

local stored = redis.call('MGET', unpack(KEYS))
local holder
for i = 1, #KEYS do
    if stored[i] == 'd' then return {1, 0} end
    if stored[i] and stored[i] ~= ARGV[1] then holder = KEYS[i] end
end
if holder then return {2, math.max(redis.call('PTTL', holder), 0)} end
for i = 1, #KEYS do
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
end
return {0, 0}
