-- Appends a delivery to the spool, unless the spool is full: nothing in it is ever thrown away.
--
-- KEYS[1]   the stream
-- ARGV[1]   how many deliveries it may hold
-- ARGV[2..] the entry's fields and values
-- returns   the entry's id, or the error SPOOLFULL

if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    return redis.error_reply('SPOOLFULL the spool holds ' .. ARGV[1] .. ' deliveries')
end
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
