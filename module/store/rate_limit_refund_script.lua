-- Units of a bucket come back: a lease that was not used, or a request that is not to be counted.
--
-- KEYS[1]   the bucket (see rate_limit_script.lua, kind g)
-- KEYS[2]   this refund's own key: each counts once
-- ARGV      ns that come back, server time of the grant (us), life (ms) after which a refund is late
-- returns   { ns that were credited }
--
-- What the bucket has refilled since the grant is not credited again, and a late refund is ignored:
-- a full bucket and a full lease never add up.

local NS = 1000000000
local time = redis.call('TIME')
local now_s, now_ns = tonumber(time[1]), tonumber(time[2]) * 1000
local age = (now_s * 1000000 + tonumber(time[2]) - tonumber(ARGV[2])) * 1000
local credit = tonumber(ARGV[1]) - age
if age < 0 or age > tonumber(ARGV[3]) * 1000000 or credit <= 0 then return {0} end
if not redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[3]) then return {0} end

-- What is held (the tail) stays as it is, and the key lives as long as that.
local s, ns, tail = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)(.*)$')
if not s then return {0} end
local ahead = (tonumber(s) - now_s) * NS + (tonumber(ns) - now_ns)
credit = math.min(credit, ahead)
if credit <= 0 then return {0} end
ahead = ahead - credit
local at_ns = now_ns + ahead
local at_s = math.floor(at_ns / NS)
local life = math.ceil(ahead / 1000000) + 1
if tail ~= '' then life = math.max(life, redis.call('PTTL', KEYS[1])) end
redis.call('SET', KEYS[1],
           string.format('%.0f %.0f', now_s + at_s, at_ns - at_s * NS) .. tail, 'PX', life)
return {credit}
