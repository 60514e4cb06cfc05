-- Takes jobs that are due, in their order, under the lease of the shard. Jobs that an
-- earlier holder of the lease took and did not end are still due, so they come first.
-- Delayed messages come first even if the clock has jumped back since. If there is no job
-- to take, the script releases the lease.
--
-- KEYS[1] due, KEYS[2] jobs, KEYS[3] lease of the shard
-- ARGV[1] holder; ARGV[2] how many ms the lease runs; ARGV[3] how many due jobs to
-- skip; ARGV[4] how many to take at most; ARGV[5] the time of the store in ms, to
-- record when each job was first taken, or ''
-- Answers {'held'} while another holder has the lease, or {'ok', the shard's clock,
-- then five values for each job: key, when it is due, when it was first taken or '0',
-- payload, how often it has failed}.
local holder = redis.call('GET', KEYS[3])
-- If the lease seems to run for longer than a lease can, the clock has jumped back since
-- it was given. Such a lease does not count: its holder may be dead, and then the shard
-- would stand still for as long as the jump.
if holder and holder ~= ARGV[1] and redis.call('PTTL', KEYS[3]) <= tonumber(ARGV[2]) then return {'held'} end
local ms = clock()
-- Fractions of scores keep the messages of one ms in order. '(' .. ms + 1 is the bound,
-- which includes scores of this ms with a fraction.
local keys = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. whole(ms + 1), 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4])
if #keys == 0 then
  if holder then redis.call('DEL', KEYS[3]) end
  return {'ok', whole(ms)}
end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
local answer = {'ok', whole(ms)}
for i = 1, #keys, 2 do
  local key, at = keys[i], timeAt(keys[i + 1])
  local due = whole(at)
  if ARGV[5] ~= '' then
    redis.call('HSETNX', KEYS[2], taken(key), whole(math.max(tonumber(ARGV[5]), tonumber(due))))
    redis.call('ZADD', KEYS[1], string.format('%.17g', at - below), key)
  end
  local job = redis.call('HMGET', KEYS[2], taken(key), key, failures(key))
  answer[#answer + 1] = key
  answer[#answer + 1] = due
  answer[#answer + 1] = job[1] or '0'
  answer[#answer + 1] = job[2] or ''
  answer[#answer + 1] = job[3] or '0'
end
return answer
