-- Drops entries from the head of a log: those above a count, and those that are too
-- old, by this server's clock and by another one: while either is wrong, nothing is
-- dropped too early. The newest entry stays, and the base moves by as many as went,
-- so that every other entry keeps its number. The only script that shortens a list.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] entries kept at most, ARGV[2] ms an entry is kept at most, ARGV[3] what the
-- other clock shows, in ms, ARGV[4] entries looked at for their age at most, which
-- bounds the script
-- Answers {'ok', how many went, how many are left, the time of the oldest of them, in
-- ms}.
local length = redis.call('LLEN', KEYS[1])
local drop = math.max(0, length - tonumber(ARGV[1]))
local cutoff = math.min(clock(), tonumber(ARGV[3])) - tonumber(ARGV[2])
local bound = drop + tonumber(ARGV[4])
local old, size = true, 2
while old and drop < length - 1 and drop < bound do
  size = math.min(2 * size, 64) -- few are old, or many
  for _, stored in ipairs(redis.call('LRANGE', KEYS[1], drop, drop + size - 1)) do
    local t = timeOf(stored)
    old = t ~= nil and t < cutoff
    if not old then break end
    drop = drop + 1
  end
end
drop = math.max(0, math.min(drop, length - 1))
if drop > 0 then
  redis.call('LTRIM', KEYS[1], drop, -1)
  redis.call('HINCRBY', KEYS[2], 'base', drop)
end
return {'ok', drop, length - drop, string.format('%.0f', timeOf(redis.call('LINDEX', KEYS[1], 0) or '') or 0)}
