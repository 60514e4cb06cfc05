-- Reads a piece of a log after a position. Reads only. Of a group's log a user may
-- read from the entry by which they joined to the one by which they left: to them the
-- rest is trimmed, or not written yet.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] number of the position, 0 for the beginning; ARGV[2] its epoch;
-- ARGV[3] its key or ''; ARGV[4] entries at most; ARGV[5] bytes after which no
-- more are added; ARGV[6] the user who must be or have been a member, or '';
-- ARGV[7] '1' for a member to read what was before the joining, too
-- Answers {'nolog'}, {'stranger'} if there is nothing for them, or {'ok' or 'diverged', epoch, base, length, key of the
-- newest, number of the first entry answered, key of the entry before it, how many
-- entries from the log's beginning are not for them, then the entries as stored}.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if length == 0 or not head[1] then return {'nolog'} end
local base, after = tonumber(head[2] or 0), tonumber(ARGV[1])
local first = base -- what the user may read begins behind it

-- Whether the position is in the log, as far as can be told. After a failover that lost
-- the end of the log it may be behind the entry by which they left, and in no log at all.
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
local answer = {'ok', head[1], base, length, keyOf(redis.call('LINDEX', KEYS[1], length - 1)), 0, '', first}
if after > 0 and (after > base + length or not stands()) then
  answer[1] = 'diverged'
  return answer
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
