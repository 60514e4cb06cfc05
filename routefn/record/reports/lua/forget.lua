-- Removes a user from reports. A report without users goes.
--
-- KEYS[1] the open reports, KEYS[2] the user's open reports, then the reports
-- ARGV[1] the user, then the ids of the reports
-- Answers {'ok'}.
for i = 3, #KEYS do
  if redis.call('HDEL', KEYS[i], 'u:' .. ARGV[1]) == 1 then
    redis.call('HINCRBY', KEYS[i], 'version', 1)
    if redis.call('HINCRBY', KEYS[i], 'count', -1) <= 0 then
      redis.call('DEL', KEYS[i])
      redis.call('ZREM', KEYS[1], ARGV[i - 1])
    end
  end
end
redis.call('DEL', KEYS[2])
return {'ok'}
