-- Makes a log that is not there, with a new epoch; one that is there stays. A
-- list whose hash was lost gets a new epoch and counts from one: what its base
-- was is not known.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] a fresh epoch, ARGV[2] the genesis entry as stored, ARGV[3] '1' for an inbox
-- whose user had one before
-- Answers {'ok'}.
local there = redis.call('EXISTS', KEYS[1]) == 1
if there and redis.call('HEXISTS', KEYS[2], 'epoch') == 1 then return {'ok'} end
if not there then redis.call('RPUSH', KEYS[1], ARGV[2]) end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'base', '0')
redis.call('HSETNX', KEYS[2], 'devices', '') -- of an inbox: all that come are listed
if ARGV[3] == '1' then redis.call('HSETNX', KEYS[2], 'again', digits(clock())) end
return {'ok'}
