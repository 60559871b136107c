-- Several GCRA limits are checked together and consumed together, or none is.
--
-- KEYS[i]      limit i's theoretical arrival time for this key: "<unix seconds> <nanoseconds>"
-- ARGV[2i-1]   what the request costs, in ns
-- ARGV[2i]     the bucket's capacity, in ns
-- returns      { 1 (passes) or 0 (refused), ns that limit 1 is ahead of now after this, limit 2, ... }
--
-- The clock is the server's own, never a node's. Seconds and nanoseconds are kept apart and costs and
-- capacities stay below 2^53, so that every sum is exact in Lua's doubles. An entry lives until its
-- time has passed: from then on it says what no entry says.

local NS = 1000000000
local time = redis.call('TIME')
local now_s = tonumber(time[1])
local now_ns = tonumber(time[2]) * 1000

local stored = redis.call('MGET', unpack(KEYS))
local reply = {1}
for i = 1, #KEYS do
    local capacity = tonumber(ARGV[2 * i])
    local ahead = 0
    local s, ns = string.match(stored[i] or '', '^(%d+) (%d+)$')
    if s then
        ahead = (tonumber(s) - now_s) * NS + (tonumber(ns) - now_ns)
        -- A limit that was larger, or a clock that was put back, can at most empty the bucket.
        if ahead < 0 then ahead = 0 elseif ahead > capacity then ahead = capacity end
    end
    reply[i + 1] = ahead
    if ahead + tonumber(ARGV[2 * i - 1]) > capacity then reply[1] = 0 end
end

if reply[1] == 1 then
    for i = 1, #KEYS do
        local ahead = reply[i + 1] + tonumber(ARGV[2 * i - 1])
        reply[i + 1] = ahead
        local ns = now_ns + ahead
        local s = math.floor(ns / NS)
        redis.call('SET', KEYS[i], (now_s + s) .. ' ' .. (ns - s * NS),
                   'PX', math.ceil(ahead / 1000000) + 1)
    end
end
return reply
