-- Which nodes share the limits: each says so every second.
--
-- KEYS[1]   a sorted set, names by when they spoke last (ms)
-- ARGV[1]   who speaks
-- returns   { how many have spoken within the last five seconds }

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], now_ms, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now_ms - 5000)
redis.call('PEXPIRE', KEYS[1], 10000)
return {redis.call('ZCARD', KEYS[1])}
