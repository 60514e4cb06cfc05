-- Appends entries to a log, in order. An entry that may be there already is searched
-- for first, from the end of the log: see find.lua. In the log of a group it appends
-- only entries of members, and checks the sender's membership in the same step. A
-- network may deliver a first try twice, and its sender may have left the group in
-- between. So the entry of a former member is searched for before it is refused.
--
-- A first try that comes too late after it was sent is not stored, and nothing of the
-- same call is: see firstTryLife. If a user joined the group after a first try was
-- sent, the repetition may stand before the joining, so the entry is searched for, too.
-- Nodes know the store's time within 2 s. If the time of sending is not known, each
-- first try within a minute after a joining is searched for.
--
-- The script always writes, even if only a value that is there already. The reason is
-- that WAIT waits for the last write of its connection. An entry that was found may be
-- another connection's write that no replica has yet. A replica that has the later
-- write also has the earlier one.
--
-- KEYS[1] list, KEYS[2] hash of the log, KEYS[3] of a group: its leases
-- ARGV[1] field of the hash to answer with: live, or nodes, to which the leases are
-- added
-- ARGV[2] time in ms back to which it searches
-- ARGV[3] when the entries were sent, in ms; 0 if that is not known or there is no
-- first try
-- ARGV[4] how many ms after its sending a first try comes too late
-- then four values for each entry: '1' to search for it first, its key, the entry as
-- stored, the sender who must be a member or ''
-- Answers {'nolog'}, {'late'}, or {'ok', epoch, field, the server's clock in ms, then
-- three values for each entry: number, key of the entry before it, the entry that was
-- found or ''}. The number of a refused entry is zero.
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
local belongs, gone = {['']=true}, {} -- for each sender: whether it is a member; whether it was one
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
