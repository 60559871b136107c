-- What became of a delivery.
--
-- KEYS[i]   as in the reserving script
-- ARGV[1]   our token
-- ARGV[2]   how long it is remembered as done, in ms; 0 when it failed and may come again
-- returns   { 1 }
--
-- A delivery that is done is done, whoever has the lease by now. A failed one gives back only what is
-- still its own.

for i = 1, #KEYS do
    if ARGV[2] ~= '0' then
        redis.call('SET', KEYS[i], 'd', 'PX', ARGV[2])
    elseif redis.call('GET', KEYS[i]) == ARGV[1] then
        redis.call('DEL', KEYS[i])
    end
end
return {1}
