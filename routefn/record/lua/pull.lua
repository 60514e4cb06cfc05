-- Reads a piece of a log after a position. Reads only. Of a group's log a user may
-- read from the entry by which he joined to the one by which he left: to him the
-- rest is trimmed, or not written yet.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] number of the position, 0 for the beginning; ARGV[2] its epoch;
-- ARGV[3] its key or ''; ARGV[4] entries at most; ARGV[5] bytes after which no
-- more are added; ARGV[6] the user who must be or have been a member, or '';
-- ARGV[7] '1' for a member to read what was before him, too
-- Answers {'nolog'}, {'stranger'} if there is nothing for him, or {'ok' or 'diverged', epoch, base, length, key of the
-- newest, number of the first entry answered, key of the entry before it, how many
-- entries from the log's beginning are not for him, then the entries as stored}.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if length == 0 or not head[1] then return {'nolog'} end
local base, after = tonumber(head[2] or 0), tonumber(ARGV[1])
local first = base -- what the user may read begins behind it
if ARGV[6] ~= '' then
  local joined, left = membership(redis.call('HGET', KEYS[2], 'm:' .. ARGV[6]))
  if joined == 0 or left > 0 and (after >= left or left <= base or ARGV[7] == '1') then return {'stranger'} end
  if left > 0 then length = left - base end
  if ARGV[7] ~= '1' then first = math.max(base, joined - 1) end
end
local answer = {'ok', head[1], base, length, keyOf(redis.call('LINDEX', KEYS[1], length - 1)), 0, '', first}

local before
if after > base then before = redis.call('LINDEX', KEYS[1], after - base - 1) end
if after > 0 then
  local other = before and ARGV[3] ~= '' and keyOf(before) ~= ARGV[3]
  if head[1] ~= ARGV[2] or after > base + length or other then
    answer[1] = 'diverged'
    return answer
  end
end

local place = math.max(first, after) - base
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
