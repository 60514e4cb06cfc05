-- Makes a log that does not exist, with a new epoch. A log that exists stays as it is.
-- The inbox of a user who was erased is not made: see erase.lua. If the hash of a list
-- was lost, the log gets a new epoch. Its numbers begin at one, because its base is not
-- known.
--
-- If the hash exists, the script keeps its fields. If the hash of an inbox was lost, the
-- script restores the marks and the guard from the owner's relations, so that no blocked
-- user can write: see guard.lua.
--
-- KEYS[1] list, KEYS[2] hash of the log; of an inbox KEYS[3] its owner's relations
-- ARGV[1] a new epoch, ARGV[2] the genesis entry as stored, ARGV[3] '1' for an inbox
-- that existed before
-- Answers {'ok'} or {'erased'}.
if redis.call('HEXISTS', KEYS[2], 'erased') == 1 then return {'erased'} end

-- Writes the marks and the guard anew.
local function guardAgain()
  local all, marks = redis.call('HGETALL', KEYS[3]), 0
  local kept = {}
  for i = 1, #all, 2 do
    local mark = string.match(all[i], '^%d+$') and markFrom(relationOf(all[i + 1]))
    if mark then
      redis.call('HSET', KEYS[2], markOf(all[i]), mark)
      marks = marks + 1
    end
    kept[all[i]] = all[i + 1]
  end
  if #all == 0 then return end
  redis.call('HSET', KEYS[2], 'marks', tostring(marks))
  setGuard(KEYS[2], numbersOf(kept.n).blocked, kept.may)
end

local there = redis.call('EXISTS', KEYS[1]) == 1
if there and redis.call('HEXISTS', KEYS[2], 'epoch') == 1 then return {'ok'} end
if not there then redis.call('RPUSH', KEYS[1], ARGV[2]) end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'base', '0', 'read', '0')
redis.call('HSETNX', KEYS[2], 'devices', '') -- in an inbox: from now on all devices are listed
if KEYS[3] then guardAgain() end
if ARGV[3] == '1' then redis.call('HSETNX', KEYS[2], 'again', digits(clock())) end
return {'ok'}
