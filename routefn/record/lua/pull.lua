-- Reads a piece of a log behind a position. If the reader has fetched all entries before
-- the position, the script writes the field read, see fetched.lua. It changes nothing
-- else. In a group's log, a user may read from the entry of their joining to the entry of
-- their leaving. The answer treats earlier entries as trimmed, and later ones as not
-- written yet.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] number of the position, 0 for the beginning; ARGV[2] its epoch; ARGV[3] its
-- key or ''; ARGV[4] the most entries; ARGV[5] bytes after which no more entries are
-- added; ARGV[6] the user who must be or have been a member, or ''; ARGV[7] '1' if the
-- user must be a member and may read earlier entries, too; ARGV[8] to ARGV[10] number,
-- epoch and key of an entry behind which the user may begin, or number 0. If it is not in
-- the log, because a failover lost it, it does not count; ARGV[11] '1' if a device of the
-- owner has fetched the inbox up to the position
-- Answers {'nolog'}, {'stranger'} if the user may read nothing, or {'ok' or 'diverged',
-- epoch, base, length, key of the newest entry, number of the first entry in the
-- answer, key of the entry before it, number up to which entries are trimmed or not for
-- the user, then the entries as stored}.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'read')
if length == 0 or not head[1] then return {'nolog'} end
local base, after = tonumber(head[2] or 0), tonumber(ARGV[1])
local first = base -- the user may read the entries with numbers above this one

-- Returns whether the position is in the log, as far as can be told. If a failover lost
-- the end of the log, the position may not be in the log any more. It can then still be
-- behind the entry by which the user left.
local function stands()
  if head[1] ~= ARGV[2] or after > base + redis.call('LLEN', KEYS[1]) then return false end
  local at = after > base and redis.call('LINDEX', KEYS[1], after - base - 1)
  return not at or ARGV[3] == '' or keyOf(at) == ARGV[3]
end

if ARGV[6] ~= '' then
  local joined, left = membership(redis.call('HGET', KEYS[2], 'm:' .. ARGV[6]))
  if joined == 0 or left > 0 and (left <= base or ARGV[7] == '1') then return {'stranger'} end
  if left > 0 then
    if after >= left and stands() then return {'stranger'} end
    length = left - base
  end
  if ARGV[7] ~= '1' then first = math.max(base, joined - 1) end
end
local begin = tonumber(ARGV[8] or 0)
if begin > first and ARGV[9] == head[1] then
  local at = redis.call('LINDEX', KEYS[1], begin - base - 1)
  if at and keyOf(at) == ARGV[10] then first = begin end
end
local answer = {'ok', head[1], base, length, keyOf(redis.call('LINDEX', KEYS[1], length - 1)), 0, '', first}
if after > 0 and (after > base + length or not stands()) then
  answer[1] = 'diverged'
  return answer
end
if ARGV[11] == '1' and head[3] and after > tonumber(head[3]) then
  redis.pcall('HSET', KEYS[2], 'read', ARGV[1]) -- pcall: reading works even if the memory is full
end

local place, before = math.max(first, after) - base, nil
if place > 0 then before = redis.call('LINDEX', KEYS[1], place - 1) end
answer[6], answer[7] = base + place + 1, keyOf(before)
local room, bytes = math.min(tonumber(ARGV[4]), length - place), tonumber(ARGV[5])
while room > 0 and bytes > 0 do
  local chunk = redis.call('LRANGE', KEYS[1], place, place + math.min(room, 50) - 1)
  if #chunk == 0 then break end
  for _, stored in ipairs(chunk) do
    answer[#answer + 1] = stored
    bytes = bytes - #stored
    room, place = room - 1, place + 1
    if bytes <= 0 then break end
  end
end
return answer
