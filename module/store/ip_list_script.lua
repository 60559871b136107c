-- One piece of an address list: of a string its bytes, of a set its members with line ends between.
--
-- KEYS 1 the list   ARGV 1 where to go on ('0': the beginning)  2 bytes of a string  3 members of a set
-- returns { type, where to go on ('0': that was all), piece }

-- A piece must fit into what the asker is willing to read.
local PIECE_MAX = 60000

local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'string' then
    local from, size = tonumber(ARGV[1]), tonumber(ARGV[2])
    local piece = redis.call('GETRANGE', KEYS[1], from, from + size - 1)
    local next = '0'
    if #piece == size then next = string.format('%.0f', from + size) end
    return { kind, next, piece }
end
if kind == 'set' then
    local found = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[3])
    local piece = table.concat(found[2], '\n')
    if #piece > PIECE_MAX then
        return { 'a set whose members are too long', '0', '' }
    end
    return { kind, found[1], piece }
end
return { kind, '0', '' }
