-- Appends entries to a log, in order. An entry that may be there already is searched
-- for first, from the end of the log: see find.lua. In the log of a group it appends
-- only entries of members, and checks the sender's membership in the same step. There
-- it also counts the entry against the rates of the group and of the sender in it: see
-- rates.lua. A network may deliver a first try twice, and its sender may have left the
-- group in between. So the entry of a former member is searched for before it is
-- refused.
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
-- ARGV[5] to ARGV[8] the rates of the group and of a member: see rates.lua
-- then five values for each entry: '1' to search for it first, its key, the entry as
-- stored, the sender who must be a member or '', the sender whose rate counts or ''
-- Answers {'nolog'}, {'late'}, or {'ok', epoch, field, the server's clock in ms, then
-- three values for each entry: number, key of the entry before it, the entry that was
-- found or ''}. The number of a refused entry is zero. If a rate is used up, the ms after
-- which to come again stand in place of the key.
local fields, members = {'epoch', 'base', ARGV[1], 'joined', 'imported', 'rates'}, {['']=true}
for i = 12, #ARGV, 5 do
  if members[ARGV[i]] == nil then
    fields[#fields + 1] = 'm:' .. ARGV[i]
    members[ARGV[i]] = #fields
  end
end
local head = redis.call('HMGET', KEYS[2], unpack(fields))
local last = redis.call('LINDEX', KEYS[1], -1)
if not last or not head[1] then return {'nolog'} end
local base, since = tonumber(head[2] or 0), tonumber(ARGV[2])
local now, sent, joined = clock(), tonumber(ARGV[3]), tonumber(head[4] or nil)
if sent > 0 and math.abs(now - sent) > tonumber(ARGV[4]) then return {'late'} end
local begun = sent > 0 and sent - 2000 or now - 60000
local newcomer = joined and joined >= begun
since, begun = lookFrom(since, head[5]), lookFrom(begun, head[5])

local appended, length, rates = false, nil, ratesOf(head[6], now, 5)
local watchers = head[3] or ''
if KEYS[3] then watchers = leases(watchers, redis.call('HGETALL', KEYS[3])) end
local answer = {'ok', head[1], watchers, now}

local function look(key, from)
  length = length or redis.call('LLEN', KEYS[1])
  return find(key, length, from)
end

local joins, leaves = {['']=1}, {['']=0} -- by sender: the entries by which it joined and left
for i = 9, #ARGV, 5 do
  local place, before, found, wait
  local from = ARGV[i + 3]
  if joins[from] == nil then joins[from], leaves[from] = membership(head[members[from]]) end
  if ARGV[i] == '1' then
    place, before, found = look(ARGV[i + 1], since)
  elseif newcomer then
    place, before, found = look(ARGV[i + 1], begun)
  end
  if not place and leaves[from] > 0 and ARGV[i] ~= '1' then
    place, before, found = look(ARGV[i + 1], since)
  end
  if not place and joins[from] > 0 and leaves[from] == 0 then
    wait = charge(rates, ARGV[i + 4])
    if not wait then
      before, last = last, ARGV[i + 2]
      length = redis.call('RPUSH', KEYS[1], last)
      place, appended = length, true
    end
  end
  answer[#answer + 1] = place and base + place or 0
  answer[#answer + 1] = wait and tostring(wait) or keyOf(before)
  answer[#answer + 1] = found or ''
end
if rates.spent then
  redis.call('HSET', KEYS[2], 'rates', textOf(rates))
elseif not appended then
  redis.call('HSET', KEYS[2], 'epoch', head[1])
end
return answer
