-- Appends messages from another system to a log, in order. It passes over a message that
-- was imported before, or whose key is in the log. It records eight bytes for each
-- message that it appends, and recognises the message by them later. If the log has only
-- its genesis entry, that entry gets the time of the oldest message, so that retention by
-- age counts from there. If the log has more entries, the script notes for find.lua that
-- times in the log are not in order. It always writes, even if nothing changes: see
-- append.lua.
--
-- KEYS[1] list, KEYS[2] hash of the log, KEYS[3] record of the messages that were
-- imported into it, KEYS[4] of a group: its members
-- ARGV[1] '1' to change nothing; ARGV[2] the genesis entry as stored, with the time of
-- the oldest message; ARGV[3] that time in ms; then three values for each message:
-- eight bytes of a hash of its key, the key, the entry as stored
-- Answers {'nolog'}, {'empty'} if the group has no members, or {'ok', length of the log
-- after that, then for each message '1' if it was appended, or would be, or '0'}.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if length == 0 or not head[1] then return {'nolog'} end
if KEYS[4] and redis.call('ZCARD', KEYS[4]) == 0 then return {'empty'} end
local marks, had = redis.call('GET', KEYS[3]) or '', {}
for i = 1, #marks, 8 do had[string.sub(marks, i, i + 7)] = true end

local fresh = length == 1 and tonumber(head[2] or 0) == 0
local keys, place = {}, fresh and length or 0
while place < length do
  for _, stored in ipairs(redis.call('LRANGE', KEYS[1], place, place + 99)) do keys[keyOf(stored)] = true end
  place = place + 100
end

local answer, new, add = {'ok', length}, {}, {}
for i = 4, #ARGV, 3 do
  local mark, key = ARGV[i], ARGV[i + 1]
  local is = not had[mark] and not keys[key]
  if is then
    had[mark] = true
    new[#new + 1], add[#add + 1] = mark, ARGV[i + 2]
  end
  answer[#answer + 1] = is and '1' or '0'
end
answer[2] = length + #add
if ARGV[1] == '1' then return answer end
if #add == 0 then
  redis.call('HSET', KEYS[2], 'epoch', head[1])
  return answer
end
if fresh then
  local genesis = redis.call('LINDEX', KEYS[1], 0)
  if keyOf(genesis) == keyOf(ARGV[2]) and (timeOf(genesis) or 0) > tonumber(ARGV[3]) then
    redis.call('LSET', KEYS[1], 0, ARGV[2])
  end
end
for i = 1, #add, 1000 do redis.call('RPUSH', KEYS[1], unpack(add, i, math.min(i + 999, #add))) end
redis.call('SET', KEYS[3], marks .. table.concat(new))
if not fresh then redis.call('HSET', KEYS[2], 'imported', string.format('%.0f', clock())) end
return answer
