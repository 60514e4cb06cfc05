-- Moves the mark of a part of the store to the store's clock.
--
-- KEYS[1] the mark
-- Answers {'ok'}.
redis.call('SET', KEYS[1], digits(clock()))
return {'ok'}
