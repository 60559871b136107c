-- The ticket keys that all nodes share, and who may replace them.
--
-- KEYS[1]   a hash: `keys` (sealed), `at` (when they were put there, ms)
-- ARGV[1]   how long keys stay before they are rotated, ms
-- ARGV[2]   how long they are remembered when no node asks any more, ms
-- ARGV[3]   the keys that the caller has seen here; empty: none
-- ARGV[4]   the keys it wants in their place; empty: it only asks
-- returns   { the keys, 1 when they are due for a rotation }
--
-- Whoever is first replaces them: for everybody else ARGV[3] is no longer what is here.

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local stored = redis.call('HMGET', KEYS[1], 'keys', 'at')
local keys = stored[1] or ''
-- A clock that was set back must not keep keys for ever.
local due = keys == '' or math.abs(now_ms - tonumber(stored[2] or 0)) >= tonumber(ARGV[1])
if due and ARGV[4] ~= '' and ARGV[3] == keys then
    keys = ARGV[4]
    due = false
    redis.call('HSET', KEYS[1], 'keys', keys, 'at', now_ms)
end
if keys ~= '' then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {keys, due and 1 or 0}
