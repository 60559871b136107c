-- A table of tenants' numbers, when it is another than the one that the asker has.
--
-- KEYS[1]   a string: the table's text
-- ARGV      SHA-1 of the text that the asker read last (or anything else), bytes that are too many
-- returns   { SHA-1 of the text, then the text in pieces unless that is the asker's }
--           or { 'absent' } or { 'large' }

local PIECE = 32768
local text = redis.call('GET', KEYS[1])
if not text then return {'absent'} end
if #text >= tonumber(ARGV[2]) then return {'large'} end
local sum = redis.sha1hex(text)
local out = {sum}
if sum ~= ARGV[1] then
    for at = 1, #text, PIECE do out[#out + 1] = string.sub(text, at, at + PIECE - 1) end
end
return out
