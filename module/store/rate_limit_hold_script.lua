-- A holder's word on a concurrency limit: a heartbeat, or a request that has ended.
--
-- KEYS[1]   the limit's hash (see rate_limit_script.lua, kind c)
-- ARGV      holder's name, "set" or "add", how many (may be negative for add), life (ms)
-- returns   { how many the holder has }

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local life = tonumber(ARGV[4])
local count = tonumber(ARGV[3])
if ARGV[2] == 'add' then
    local had = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) ')
    count = count + tonumber(had or 0)
end
if count <= 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
    return {0}
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', count, now_ms + life))
redis.call('PEXPIRE', KEYS[1], life + 1)
return {count}
