-- Sets marks to the clock of their server.
--
-- KEYS the marks
-- Answers {'ok'}.
for i = 1, #KEYS do redis.call('SET', KEYS[i], digits(clock())) end
return {'ok'}
