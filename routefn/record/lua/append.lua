-- Appends entries to a log in order; those that may be there already are looked
-- for first, from the tail: see find.lua. In a group's log only members' are
-- appended: the sender's membership is checked in the same step. A network may repeat
-- a first try, and its sender may have left in between. So what a former member sends
-- is looked for before it is refused.
--
-- A first try that comes too long after it was sent is not stored, nor what came with
-- it: see firstTryLife. One that was sent before somebody joined last may have a
-- repetition that stands before the joining, so that it is looked for, too. Nodes know
-- the store's time within 2 s; without a time of sending, the minute after a joining
-- counts.
--
-- It always writes, if only what is there: who waits for replicas waits for the
-- last write of its connection, and what was found may be another's, on no
-- replica yet. A replica that has the later write has the earlier.
--
-- KEYS[1] list, KEYS[2] hash of the log, KEYS[3] of a group: its leases
-- ARGV[1] the hash's field to answer with: live or nodes, to which the leases are added
-- ARGV[2] how far back to look: a time in ms
-- ARGV[3] when all was sent, in ms, or 0 if that is not known or there is no first try;
-- ARGV[4] ms after which it comes too late
-- then four an entry: '1' to look for it first, its key, the entry as stored, the
-- sender who must be a member or ''
-- Answers {'nolog'}, {'late'}, or {'ok', epoch, field, the store's clock in ms, then three
-- an entry: number, key of the entry before, the entry that was found or ''}. The
-- number of what was refused is zero.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', ARGV[1], 'joined', 'imported')
if length == 0 or not head[1] then return {'nolog'} end
local base, since = tonumber(head[2] or 0), tonumber(ARGV[2])
local now, sent, joined = clock(), tonumber(ARGV[3]), tonumber(head[4] or nil)
if sent > 0 and math.abs(now - sent) > tonumber(ARGV[4]) then return {'late'} end
local begun = sent > 0 and sent - 2000 or now - 60000
local newcomer = joined and joined >= begun
since, begun = lookFrom(since, head[5]), lookFrom(begun, head[5])

local appended = false
local watchers = head[3] or ''
if KEYS[3] then watchers = leases(watchers, redis.call('HGETALL', KEYS[3])) end
local answer = {'ok', head[1], watchers, now}
local belongs, gone = {['']=true}, {} -- by sender: is a member; was one
for i = 5, #ARGV, 4 do
  local place, before, found
  local from = ARGV[i + 3]
  if ARGV[i] == '1' then
    place, before, found = find(ARGV[i + 1], length, since)
  elseif newcomer then
    place, before, found = find(ARGV[i + 1], length, begun)
  end
  if not place and belongs[from] == nil then
    local joined, left = membership(redis.call('HGET', KEYS[2], 'm:' .. from))
    belongs[from], gone[from] = joined > 0 and left == 0, left > 0
  end
  if not place and gone[from] and ARGV[i] ~= '1' then
    place, before, found = find(ARGV[i + 1], length, since)
  end
  if not place and belongs[from] then
    before = redis.call('LINDEX', KEYS[1], -1)
    length = redis.call('RPUSH', KEYS[1], ARGV[i + 2])
    place, appended = length, true
  end
  answer[#answer + 1] = place and base + place or 0
  answer[#answer + 1] = keyOf(before)
  answer[#answer + 1] = found or ''
end
if not appended then redis.call('HSET', KEYS[2], 'epoch', head[1]) end
return answer
