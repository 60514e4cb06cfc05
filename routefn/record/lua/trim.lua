-- Removes entries from the beginning of a log. It removes those above a count, and those
-- that are too old by two clocks, this server's and another one. So if one of the clocks
-- is wrong, nothing is removed too early. The newest entry stays. The base of the log
-- grows by the number of removed entries, so that all others keep their numbers. No other
-- script shortens a list.
--
-- An entry waits while no device of the owner has fetched it: see room.lua. Entries of
-- the owner do not wait. If the inbox can be full, the count does not remove waiting
-- entries. In any other inbox it removes them, too.
--
-- KEYS[1] list, KEYS[2] hash of the log; of an inbox that can be full: KEYS[3] its counts,
-- KEYS[4] the users to whom its owner wrote
-- ARGV[1] how many entries are kept at most; ARGV[2] how many ms an entry is kept at
-- most; ARGV[3] the other clock, in ms; ARGV[4] how many entries the script reads at most
-- to find their age, and how many removed ones it reads to see whether they waited; this
-- bounds the time of the script; ARGV[5] the owner of an inbox
-- Answers {'ok', how many were removed, how many are left, the time of the oldest entry
-- that is left, in ms, how many of the removed waited and were above the count, how many
-- waited and were too old}.
local bounded = KEYS[3] ~= nil
local length = redis.call('LLEN', KEYS[1])
local over = math.max(0, length - tonumber(ARGV[1]))
local cutoff = math.min(clock(), tonumber(ARGV[3])) - tonumber(ARGV[2])

local epoch, base, read -- of an inbox
local function bounds()
  if epoch or not ARGV[5] then return end
  local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'read')
  if head[1] then epoch, base, read = head[1], tonumber(head[2] or 0), fetched(head[3], head[1]) end
end

-- Counts the removed entries that waited: those above the count, and those too old.
local function waiting(drop)
  local above, old, place = 0, 0, math.max(0, read - base)
  local stop = math.min(drop, place + tonumber(ARGV[4]))
  while place < stop do
    for _, stored in ipairs(redis.call('LRANGE', KEYS[1], place, math.min(place + 64, stop) - 1)) do
      if received(ARGV[5], stored) then
        if place < over and not bounded then above = above + 1 else old = old + 1 end
      end
      place = place + 1
    end
  end
  return above, old
end

if over > 0 then bounds() end
local drop = bounded and epoch and math.max(0, math.min(over, read - base)) or over
local bound = drop + tonumber(ARGV[4])
local oldest, size = nil, 2
while not oldest and drop < length - 1 and drop < bound do
  size = math.min(2 * size, 64) -- at first few entries are read, because most often few are old
  for _, stored in ipairs(redis.call('LRANGE', KEYS[1], drop, drop + size - 1)) do
    local t = timeOf(stored)
    local old = t ~= nil and t < cutoff
    if not old and (drop >= over or received(ARGV[5], stored)) then
      oldest = stored
      break
    end
    drop = drop + 1
  end
end
if drop > length - 1 then drop, oldest = math.max(0, length - 1), nil end
local above, old = 0, 0
if drop > 0 then
  bounds()
  if epoch then above, old = waiting(drop) end
  if epoch and bounded and base + drop > read and redis.call('EXISTS', KEYS[3]) == 1 then
    local room = roomOf(ARGV[5], epoch, base, base + drop, base + length, 0, 0, 0, ARGV[2])
    recount(room)
    keepCounts(room)
  end
  redis.call('LTRIM', KEYS[1], drop, -1)
  redis.call('HINCRBY', KEYS[2], 'base', drop)
end
oldest = oldest or redis.call('LINDEX', KEYS[1], 0) or ''
return {'ok', drop, length - drop, string.format('%.0f', timeOf(oldest) or 0), above, old}
