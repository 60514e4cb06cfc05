-- Moves the marks of a part of the store to the store's clock.
--
-- KEYS the marks
-- Answers {'ok'}.
for i = 1, #KEYS do redis.call('SET', KEYS[i], digits(clock())) end
return {'ok'}
