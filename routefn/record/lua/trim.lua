-- Removes entries from the beginning of a log: those above a count, and those that are
-- too old. An entry is too old if it is so by this server's clock and by another one.
-- So nothing is removed too early while one of the two is wrong. The newest entry
-- stays. The base grows by the number of removed entries, so that all others keep their
-- numbers. No other script shortens a list.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] how many entries are kept at most; ARGV[2] how many ms an entry is kept at
-- most; ARGV[3] the other clock, in ms; ARGV[4] how many entries are read to find their
-- age at most, which bounds the time of the script
-- Answers {'ok', how many were removed, how many are left, the time of the oldest entry
-- that is left, in ms}.
local length = redis.call('LLEN', KEYS[1])
local drop = math.max(0, length - tonumber(ARGV[1]))
local cutoff = math.min(clock(), tonumber(ARGV[3])) - tonumber(ARGV[2])
local bound = drop + tonumber(ARGV[4])
local old, size = true, 2
while old and drop < length - 1 and drop < bound do
  size = math.min(2 * size, 64) -- either few entries are old, or many
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
