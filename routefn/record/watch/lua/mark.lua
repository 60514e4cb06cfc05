-- Sets marks to the time of the server that stores them.
--
-- KEYS the marks
-- Answers {'ok'}.
for i = 1, #KEYS do redis.call('SET', KEYS[i], digits(clock())) end
return {'ok'}
