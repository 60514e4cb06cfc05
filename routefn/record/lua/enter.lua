-- Gives a node leases of groups, and reads the ends of their logs. The script writes the
-- lease and reads the end in one step. So each entry is either pushed to the node, or is
-- at or before the end in the answer.
--
-- KEYS list, hash and leases of each group
-- ARGV[1] node; ARGV[2] boot TAB addr TAB, with which its leases begin; ARGV[3] how many ms
-- the leases last; then for each group: '1' if the node enters the group of everyone, and
-- does not only renew its lease; how many users are asked about; the field of each in the
-- hash
-- Answers for each group {epoch, base, membership of each user, length, key of the newest
-- entry}. Length and key are missing, and nothing is written, if none of the users is a
-- member, or if there is no log.

-- HMGET gets so many fields at most, because Lua has limited room for arguments.
local most = 1000

local now = clock()
local value = ARGV[2] .. digits(now + tonumber(ARGV[3]))
local answers, at = {}, 4
for i = 1, #KEYS, 3 do
  local count = tonumber(ARGV[at + 1])
  local first, last = at + 2, at + 1 + count
  local head = redis.call('HMGET', KEYS[i + 1], 'epoch', 'base', unpack(ARGV, first, math.min(last, first + most - 1)))
  for from = first + most, last, most do
    for _, text in ipairs(redis.call('HMGET', KEYS[i + 1], unpack(ARGV, from, math.min(last, from + most - 1)))) do
      head[#head + 1] = text
    end
  end
  local member = count == 0
  for k = 3, #head do
    member = member or head[k] and string.find(head[k], '^%d+ 0 ')
  end
  local length = member and head[1] and redis.call('LLEN', KEYS[i]) or 0
  if length > 0 then
    redis.call('HSET', KEYS[i + 2], '', '', ARGV[1], value)
    if ARGV[at] == '1' then redis.call('HSET', KEYS[i + 1], 'joined', digits(now)) end -- newcomers may begin behind the end in the answer
    local n = #head
    head[n + 1], head[n + 2] = length, keyOf(redis.call('LINDEX', KEYS[i], -1))
  end
  answers[#answers + 1], at = head, last + 1
end
return answers
