-- Takes a token from a bucket, or gives one back.
--
-- KEYS[1] the bucket, a string; the key ends when the bucket is full: see bucket.lua
-- ARGV[1] in how many ms it gets a token back; ARGV[2] how many tokens it holds, 0 if
-- it never runs out; ARGV[3] '1' to take a token, '0' to give one back
-- Answers {'ok', how many tokens are taken now}, or {'wait', how many are taken, ms
-- until there is one}.
local now, every, most = clock(), tonumber(ARGV[1]), tonumber(ARGV[2])
local full = redis.call('GET', KEYS[1])
local after, wait
if ARGV[3] == '1' then
  after, wait = taken(full, now, every, most)
  if wait then return {'wait', digits(most), digits(wait)} end
else
  after = given(full, now, every)
end
if not after or after <= now then
  if full then redis.call('DEL', KEYS[1]) end
  return {'ok', '0'}
end
redis.call('SET', KEYS[1], digits(after), 'PX', digits(after - now))
return {'ok', digits(math.ceil((after - now) / every))}
