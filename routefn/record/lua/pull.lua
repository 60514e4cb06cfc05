-- Reads a piece of a log after a position. Reads only.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] number of the position, 0 for the beginning; ARGV[2] its epoch;
-- ARGV[3] its key or ''; ARGV[4] entries at most; ARGV[5] bytes after which no
-- more are added
-- Answers {'nolog'}, or {'ok' or 'diverged', epoch, base, length, key of the
-- newest, number of the first entry answered, key of the entry before it, then
-- the entries as stored}.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if length == 0 or not head[1] then return {'nolog'} end
local base, after = tonumber(head[2] or 0), tonumber(ARGV[1])
local answer = {'ok', head[1], base, length, keyOf(redis.call('LINDEX', KEYS[1], -1)), 0, ''}

local before
if after > base then before = redis.call('LINDEX', KEYS[1], after - base - 1) end
if after > 0 then
  local other = before and ARGV[3] ~= '' and keyOf(before) ~= ARGV[3]
  if head[1] ~= ARGV[2] or after > base + length or other then
    answer[1] = 'diverged'
    return answer
  end
end

local place = math.max(0, after - base)
answer[6], answer[7] = base + place + 1, keyOf(before)
local left, bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
while left > 0 and bytes > 0 do
  local chunk = redis.call('LRANGE', KEYS[1], place, place + math.min(left, 50) - 1)
  if #chunk == 0 then break end
  for _, stored in ipairs(chunk) do
    answer[#answer + 1] = stored
    bytes = bytes - #stored
    left, place = left - 1, place + 1
    if bytes <= 0 then break end
  end
end
return answer
