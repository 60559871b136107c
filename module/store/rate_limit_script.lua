-- Several limits are checked together and consumed together, or none is.
--
-- KEYS[i]        limit i's state for this key
-- ARGV           six words a limit: its kind and five numbers
--   g            need, capacity, extra (negative: so much must be left after the need), unit (ns),
--                known: how far ahead the asker last knew it (ns)
--   h<ms>        the same; `extra` is to be held: kept out of the bucket for <ms>, then charged
--   w            units (negative: some come back), max, window (ms), 0, units that must be left
--   c            units, max, life of a holder's word (ms), holder's name, units that must be left
--   G, W         the same as a charge: takes what there is of it and never refuses; negative: gives
--                back
-- returns        { 1 (passes) or 0 (refused), server time (us), then two numbers a limit }
--   g, h         ns ahead of now (with what is held), ns granted beyond the need
--   w            units used, ms until the oldest leaves, or until what was refused for want of room
--                has it
--   c            units held, 0
--
-- g: "<unix seconds> <nanoseconds>", the theoretical arrival time. Seconds and nanoseconds are kept
-- apart and costs and capacities stay below 2^53, so that every sum is exact in Lua's doubles. While
-- something is held, " <ms> <period> <ns> <ns before>" follows (policy/rate_lease.hpp, Bucket): what
-- was granted in that period of <ms>, and in the one before.
-- w: "<last ms>:<count>;…", oldest first. c: a hash, holder's name to "<count> <expires ms>".
-- The clock is the server's own, never a node's. An entry lives until it says what no entry says.

local NS = 1000000000
local PLACES = 8
local time = redis.call('TIME')
local now_s = tonumber(time[1])
local now_ns = tonumber(time[2]) * 1000
local now_ms = now_s * 1000 + math.floor(now_ns / 1000000)

-- What was held too long ago is charged when its time was over. `ahead` may lie behind now here.
local function settle(ahead, tail)
    local ms, period, held, before = string.match(tail, '^ (%d+) (%d+) (%d+) (%d+)$')
    if not ms then return ahead, {0, 0, 0, 0} end
    ms, period, held, before = tonumber(ms), tonumber(period), tonumber(held), tonumber(before)
    local function charged(at, units)
        if units == 0 then return ahead end
        return math.max(ahead, (at * ms - now_s * 1000) * 1000000 - now_ns) + units
    end
    local now = math.floor(now_ms / ms)
    if now > period then
        ahead = charged(period + 1, before)
        before, held = held, 0
        if now > period + 1 then
            ahead = charged(period + 2, before)
            before = 0
        end
        period = now
    end
    return ahead, {ms, period, held, before}
end

local function bucket(stored, capacity, known)
    local ahead, hold = 0, {0, 0, 0, 0}
    local s, ns, tail = string.match(stored or '', '^(%d+) (%d+)(.*)$')
    if s then
        ahead = (tonumber(s) - now_s) * NS + (tonumber(ns) - now_ns)
        if tail ~= '' then ahead, hold = settle(ahead, tail) end
    end
    -- A server that has lost its data is told what the asker knows.
    if ahead < known then ahead = known end
    -- A limit that was larger, or a clock that was put back, can at most empty the bucket.
    if ahead < 0 then ahead = 0 elseif ahead > capacity then ahead = capacity end
    return ahead, hold
end

local function save(key, ahead, hold)
    local ns = now_ns + ahead
    local s = math.floor(ns / NS)
    local text = string.format('%.0f %.0f', now_s + s, ns - s * NS)
    local life = math.ceil(ahead / 1000000) + 1
    local held = hold[3] + hold[4]
    if held > 0 then
        text = text .. string.format(' %.0f %.0f %.0f %.0f', hold[1], hold[2], hold[3], hold[4])
        life = math.max(life, (hold[2] + 2) * hold[1] - now_ms) + math.ceil(held / 1000000)
    end
    redis.call('SET', key, text, 'PX', life)
end

-- How much of `extra` is granted beyond the need: half of what is left is for the others.
local function beyond(extra, unit, max, ahead, hold, ms)
    local held = hold[3] + hold[4]
    if extra <= 0 or ahead + held >= max then return 0 end
    if not ms then return math.floor(math.min(extra, (max - ahead - held) / 2) / unit) * unit end
    if ahead + held > max / 4 or (held > 0 and hold[1] ~= ms) then return 0 end
    local most = math.max(math.floor(max / 32) - held, 0)
    local given = math.floor(math.min(extra, most) / unit) * unit
    hold[1], hold[2], hold[3] = ms, math.max(hold[2], math.floor(now_ms / ms)), hold[3] + given
    return given
end

local function window(stored, life)
    local places, used = {}, 0
    for last, count in string.gmatch(stored or '', '(%d+):(%d+)') do
        last, count = tonumber(last), tonumber(count)
        if last + life > now_ms then
            places[#places + 1] = {last, count}
            used = used + count
        end
    end
    return places, used
end

-- Milliseconds until the oldest leaves; where `units` more do not fit, until they do.
local function comes_back(places, life, max, used, units)
    local wait = 0
    for p = 1, #places do
        wait = places[p][1] + life - now_ms
        used = used - places[p][2]
        if used + units <= max then break end
    end
    return wait
end

local function count_in(places, units, max, life)
    local n = #places
    if n > 0 and (places[n][1] >= now_ms or
                  (n > 1 and max > PLACES and (now_ms - places[n - 1][1]) * 7 < life)) then
        places[n] = {math.max(places[n][1], now_ms), places[n][2] + units}
        return
    end
    if n == PLACES then
        local best, best_gap = 1, math.huge
        for i = 1, n - 2 do
            local gap = places[i + 1][1] - places[i][1]
            if gap < best_gap then best, best_gap = i, gap end
        end
        places[best + 1][2] = places[best + 1][2] + places[best][2]
        table.remove(places, best)
    end
    places[#places + 1] = {now_ms, units}
end

local function uncount(places, units)
    for p = #places, 1, -1 do
        local taken = math.min(units, places[p][2])
        places[p][2] = places[p][2] - taken
        units = units - taken
        if places[p][2] == 0 then table.remove(places, p) end
    end
end

local function holders(key)
    local all = redis.call('HGETALL', key)
    local counts, held = {}, 0
    for i = 1, #all, 2 do
        local count, expires = string.match(all[i + 1], '^(%d+) (%d+)$')
        if count and tonumber(expires) > now_ms then
            counts[all[i]] = tonumber(count)
            held = held + tonumber(count)
        elseif count then
            redis.call('HDEL', key, all[i])
        end
    end
    return counts, held
end

local stored = redis.call('MGET', unpack(KEYS))
local state, needs = {}, {}
local allowed = 1
for i = 1, #KEYS do
    local at = 6 * i - 5
    local kind, need, max = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local first = string.sub(kind, 1, 1)
    if first == 'g' or first == 'G' or first == 'h' then
        local ahead, hold = bucket(stored[i], max, tonumber(ARGV[at + 5]))
        local held = hold[3] + hold[4]
        state[i] = {ahead, hold}
        if first == 'G' then
            need = math.max(math.min(need, max - ahead - held), -ahead)
        elseif need > 0 and ahead + held + need - math.min(tonumber(ARGV[at + 3]), 0) > max then
            allowed = 0
        end
    elseif kind == 'w' or kind == 'W' then
        local places, used = window(stored[i], tonumber(ARGV[at + 3]))
        state[i] = {places, used}
        if kind == 'W' then
            need = math.min(need, math.max(max - used, 0))
        elseif need > 0 and used + need + tonumber(ARGV[at + 5]) > max then
            allowed = 0
        end
    else
        local counts, held = holders(KEYS[i])
        state[i] = {counts, held}
        if held + need + tonumber(ARGV[at + 5]) > max then allowed = 0 end
    end
    needs[i] = need
end

local reply = {allowed, now_s * 1000000 + math.floor(now_ns / 1000)}
for i = 1, #KEYS do
    local at = 6 * i - 5
    local kind, need, max = ARGV[at], needs[i], tonumber(ARGV[at + 2])
    local a, b = 0, 0
    local first = string.sub(kind, 1, 1)
    if first == 'g' or first == 'G' or first == 'h' then
        local hold = state[i][2]
        a = state[i][1]
        if allowed == 1 then
            local ms = first == 'h' and tonumber(string.sub(kind, 2)) or nil
            a = a + need
            b = beyond(tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), max, a, hold, ms)
            if not ms then a = a + b end
            save(KEYS[i], a, hold)
        end
        a = a + hold[3] + hold[4]
    elseif kind == 'w' or kind == 'W' then
        local places, life = state[i][1], tonumber(ARGV[at + 3])
        a = state[i][2]
        if allowed == 1 and need ~= 0 then
            a = math.max(a + need, 0)
            if need > 0 then count_in(places, need, max, life) else uncount(places, -need) end
            local words = {}
            for p = 1, #places do
                words[p] = string.format('%.0f:%.0f', places[p][1], places[p][2])
            end
            if #places > 0 then
                redis.call('SET', KEYS[i], table.concat(words, ';'), 'PX', life + 1)
            else
                redis.call('DEL', KEYS[i])
            end
        end
        b = comes_back(places, life, max, a, allowed == 0 and need + tonumber(ARGV[at + 5]) or 0)
    else
        a = state[i][2]
        if allowed == 1 then
            a = a + need
            local life, holder = tonumber(ARGV[at + 3]), ARGV[at + 4]
            local mine = (state[i][1][holder] or 0) + need
            redis.call('HSET', KEYS[i], holder, string.format('%.0f %.0f', mine, now_ms + life))
            redis.call('PEXPIRE', KEYS[i], life + 1)
        end
    end
    reply[2 * i + 1], reply[2 * i + 2] = a, b
end
return reply
