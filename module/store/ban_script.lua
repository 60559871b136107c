-- Bans that nodes share. One script, so that its three verbs keep the same rules.
--
-- KEYS 1 meta (hash: epoch, and the number of the last change)   2 log (sorted set: subject by the
--      number of its last change)   3 ends (sorted set: subject by when it may be forgotten)
--      4 entries (hash: subject to what is said of it)   5 strikes of a subject under a rule
-- ARGV 1 verb   2 what the epoch of a store that has none begins with
--   say     3… words of a node (module/policy/ban_word.hpp)             returns how many
--   pull    3 the epoch known   4 the number known   5 how many at most
--           returns { epoch, number, 1 when there is more, word… }
--   strike  3 subject  4 rule  5 after  6 within  7 remember  8… ban times (ms)
--           returns { } or { word }, the ban or allowance that holds
--
-- The later word holds. Of two bans that both live the longer one holds, and a rule's ban never ends
-- an allowance. The clock is the server's own; words carry times ago and still.

local FOREVER = 9000000000000000
-- Subjects that are remembered at once; beyond it the one that would be forgotten first gives way.
local SUBJECTS_MAX = 200000
local FORGET_AT_ONCE = 100

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function text(n)
    return string.format('%.0f', n)
end

local function still(ms)
    if ms < 0 then return FOREVER end
    return now + ms
end

local function left(moment)
    if moment >= FOREVER then return '-1' end
    return text(math.max(moment - now, 0))
end

local function read(subject)
    local stored = redis.call('HGET', KEYS[4], subject) or ''
    local said, hand, level, count, since, ends, forget, rule =
        string.match(stored, '^([bal]) ([01]) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+)$')
    if not said then return nil end
    local entry = { said = said, hand = hand, level = tonumber(level), count = tonumber(count),
                    since = tonumber(since), ends = tonumber(ends), forget = tonumber(forget),
                    rule = rule }
    if entry.forget <= now then return nil end
    return entry
end

local function live(entry)
    return entry.said == 'b' and entry.ends > now
end

local function drop(subject)
    redis.call('HDEL', KEYS[4], subject)
    redis.call('ZREM', KEYS[2], subject)
    redis.call('ZREM', KEYS[3], subject)
end

local function write(subject, entry)
    local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
    redis.call('HSET', KEYS[4], subject, table.concat({ entry.said, entry.hand, text(entry.level),
        text(entry.count), text(entry.since), text(entry.ends), text(entry.forget), entry.rule }, ' '))
    redis.call('ZADD', KEYS[2], text(number), subject)
    redis.call('ZADD', KEYS[3], text(entry.forget), subject)
    if redis.call('ZCARD', KEYS[3]) > SUBJECTS_MAX then
        drop(redis.call('ZRANGE', KEYS[3], 0, 0)[1])
    end
end

local function word(subject, entry)
    return table.concat({ entry.said, entry.hand, text(entry.level), text(entry.count),
        text(math.max(now - entry.since, 0)), left(entry.ends), left(entry.forget), entry.rule,
        subject }, ' ')
end

local function epoch()
    local known = redis.call('HGET', KEYS[1], 'epoch')
    if known then return known end
    -- A name that was never used: the same node may have named the store before it lost its memory.
    local made = ARGV[2] .. '-' .. text(now)
    redis.call('HSET', KEYS[1], 'epoch', made)
    return made
end

local function say(line)
    local said, hand, level, count, age, ends, memory, rule, subject = string.match(line,
        '^([bal]) ([01]) (%d+) (%d+) (%d+) (%-?%d+) (%-?%d+) (%S+) (%S+)$')
    if not said then return end
    local entry = { said = said, hand = hand, level = tonumber(level), count = tonumber(count),
                    since = now - tonumber(age), ends = still(tonumber(ends)),
                    forget = still(tonumber(memory)), rule = rule }
    local known = read(subject)
    if said == 'b' then
        redis.call('DEL', KEYS[5] .. rule .. ':' .. subject)
    end
    if known then
        if live(known) and live(entry) then
            -- Two nodes have banned the same subject: one ban, the longer of both.
            if known.ends >= entry.ends and known.level >= entry.level then return end
            entry.level = math.max(entry.level, known.level)
            entry.forget = math.max(entry.forget, known.forget)
            entry.since = math.max(entry.since, known.since)
            if known.ends > entry.ends then
                entry.ends = known.ends
                entry.rule = known.rule
            end
        elseif said == 'b' and hand == '0' and known.said == 'a' then
            return
        elseif known.since > entry.since then
            return
        end
    end
    write(subject, entry)
end

local function pull()
    local forgotten = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now), 'LIMIT', 0,
        FORGET_AT_ONCE)
    for _, subject in ipairs(forgotten) do
        drop(subject)
    end
    local from = tonumber(ARGV[4])
    local here = epoch()
    if ARGV[3] ~= here then from = 0 end
    local changed = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(from), '+inf', 'WITHSCORES',
        'LIMIT', 0, tonumber(ARGV[5]))
    local out = { here, text(from), 0 }
    for i = 1, #changed, 2 do
        local entry = read(changed[i])
        if entry then out[#out + 1] = word(changed[i], entry) end
        out[2] = changed[i + 1]
    end
    if #changed / 2 >= tonumber(ARGV[5]) then out[3] = 1 end
    return out
end

-- Two windows, the older one by the share of it that still counts: as a node counts in its memory.
local function strike()
    local subject, rule, after = ARGV[3], ARGV[4], tonumber(ARGV[5])
    local within, remember = tonumber(ARGV[6]), tonumber(ARGV[7])
    local known = read(subject)
    if known and (known.said == 'a' or live(known)) then
        return { word(subject, known) }
    end
    local key = KEYS[5] .. rule .. ':' .. subject
    local seen = redis.call('HMGET', key, 'start', 'current', 'previous')
    local start = tonumber(seen[1] or now)
    local current, previous = tonumber(seen[2] or 0), tonumber(seen[3] or 0)
    local age = math.max(now - start, 0)
    if age >= 2 * within then
        start, current, previous, age = now, 0, 0, 0
    elseif age >= within then
        start, current, previous, age = start + within, 0, current, age - within
    end
    current = current + 1
    local count = math.floor(previous * (within - age) / within) + current
    if count < after then
        redis.call('HSET', key, 'start', text(start), 'current', text(current), 'previous',
            text(previous))
        redis.call('PEXPIRE', key, text(2 * within))
        return {}
    end
    redis.call('DEL', key)
    local level = 0
    if known and known.said == 'b' then level = math.min(known.level + 1, 255) end
    local times = #ARGV - 7
    local ends = now + tonumber(ARGV[7 + math.min(level + 1, times)])
    local entry = { said = 'b', hand = '0', level = level, count = count, since = now, ends = ends,
                    forget = ends + remember, rule = rule }
    epoch()
    write(subject, entry)
    return { word(subject, entry) }
end

if ARGV[1] == 'pull' then return pull() end
if ARGV[1] == 'strike' then return strike() end
epoch()
for i = 3, #ARGV do
    say(ARGV[i])
end
return #ARGV - 2
