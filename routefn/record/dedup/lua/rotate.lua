-- Begins a new generation of a sender's ids if the present one is full. The present one
-- takes the place of the one before.
--
-- KEYS[1] hash of the present generation, KEYS[2] of the one before
-- ARGV[1] the number of ids at which a generation is full; ARGV[2] the store's clock in
-- ms; ARGV[3] for how many ms both generations live
-- Answers {'ok'}.
if redis.call('HLEN', KEYS[1]) < tonumber(ARGV[1]) then return {'ok'} end
redis.call('UNLINK', KEYS[2])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'begun', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {'ok'}
