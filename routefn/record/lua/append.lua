-- Appends entries to a log, in order. If an entry may be in the log already, the script
-- first searches for it from the end of the log: see find.lua. To the log of a group it
-- appends only entries of members whose role allows it, and checks that in the same step.
-- It also counts such an entry against two rates, that of the group and that of the
-- sender in the group: see rates.lua. A network may deliver a first try twice. Between
-- the two deliveries, the sender may have left the group or lost the right to write. So
-- the script searches for an entry before it refuses the entry.
--
-- If a first try comes too late after its sending, the script stores nothing of the call:
-- see firstTryLife. If a user joined the group after the sending, the log may have the
-- message before the joining already. So the script searches for it, too. Nodes know the
-- store's time within 2 s. If the time of sending is not known, the script searches for
-- each first try within a minute after a joining.
--
-- The script always writes, even if the value stays the same. The reason is that WAIT
-- waits for the last write of its connection. Another connection may have written the
-- entry that the script has found, and perhaps no replica has that write yet. A replica
-- that has the later write also has the earlier one.
--
-- Most first tries are stored without a search, by a transaction or by this script. So a
-- paused route may store a first try after another route has stored its repetition. A
-- repetition that this script appends leaves a mark in the field redone: the time of the
-- first claim of its id. The script searches for a first try whose claim is not later
-- than that. If a transaction has stored such a first try, this script removes the text
-- of the later entry.
--
-- A full inbox takes no message of others: see room.lua. An inbox takes no message that
-- its owner does not want: see guard.lua. A transaction cannot check that, and may have
-- stored an unwanted message. Then the script recalls the message: see expire.lua.
--
-- KEYS[1] list, KEYS[2] hash of the log, KEYS[3] of a group: its leases. Of an inbox that
-- can be full: KEYS[3] its counts, KEYS[4] the users to whom its owner wrote
-- ARGV[1] field of the hash to answer with: live, or nodes, to which the leases are
-- added
-- ARGV[2] time in ms back to which it searches
-- ARGV[3] when the entries were sent, in ms; 0 if that is not known or there is no
-- first try
-- ARGV[4] how many ms after its sending a first try comes too late
-- ARGV[5] the roles that may write, each with a comma before and behind it, or '' if all
-- may; a usual member's role is ''
-- ARGV[6] '1' if the sender must be a member
-- ARGV[7] to ARGV[10] the rates of the group and of a member: see rates.lua
-- ARGV[11] owner of the inbox, whose consent counts, or ''
-- ARGV[12] a time in ms, or 0: of the ids that are known to be used, the latest time of a
-- first claim
-- ARGV[13] the time of the first tries, and of their claims, in ms
-- ARGV[14] to ARGV[17] of an inbox that can be full: the places of all, of one
-- sender and of strangers, for how many ms counts are kept
-- then five values for each entry: what to do, see below; its key, the entry as
-- stored, the sender who is checked or '', the sender whose rate counts or ''
--
-- What to do is '0' to append the entry; '1' to search for it first; '4' if its id was
-- claimed before. For '4', the search goes back further, and the entry is refused if the
-- log was shortened since the claim. Two values are for entries that a transaction has
-- stored, and append nothing: '2' if the guard was set before; '3' if the entry may stand
-- twice.
--
-- Answers {'nolog'}, {'late'}, or {'ok', epoch, field, the server's clock in ms, how many
-- entries of an inbox wait at most, the length of the list or 0 if it was not needed, the
-- guard of an inbox or '', then
-- three values for each entry: number, key of the entry before it, the entry that was
-- found or ''}. The number of a refused entry is zero, and the reason stands in place of
-- the key: the ms after which to come again if a rate is used up, 'role' if the sender's
-- role forbids it, 'blocked' or 'contacts' if the owner does not take it, or 'gone' if the
-- log was shortened.
-- Each field is searched for in the hash, so only those that are needed are read.
local bounded, owner = KEYS[4] ~= nil, ARGV[11]
local group = KEYS[3] ~= nil and not bounded
local fields, members = {'epoch', 'base', ARGV[1], 'imported', 'read', 'guard', 'redone'}, {['']=true}
if group then fields[5], fields[6] = 'joined', 'rates' end
local begin = bounded and 18 or 14
local marks = {[owner] = 0} -- by sender: the place of the owner's mark
if owner ~= '' then
  for i = begin + 1, #ARGV, 5 do
    local from = string.match(ARGV[i], '^%d+')
    if not marks[from] then
      fields[#fields + 1] = markOf(from)
      marks[from] = #fields
    end
  end
end
for i = begin + 3, #ARGV, 5 do
  if members[ARGV[i]] == nil then
    fields[#fields + 1] = 'm:' .. ARGV[i]
    members[ARGV[i]] = #fields
    fields[#fields + 1] = 'r:' .. ARGV[i]
  end
end
local head = redis.call('HMGET', KEYS[2], unpack(fields))
local last = redis.call('LINDEX', KEYS[1], -1)
if not last or not head[1] then return {'nolog'} end
local base, since = tonumber(head[2] or 0), tonumber(ARGV[2])
local now, sent, joined = clock(), tonumber(ARGV[3]), group and tonumber(head[5] or nil)
if sent > 0 and math.abs(now - sent) > tonumber(ARGV[4]) then return {'late'} end
local begun = sent > 0 and sent - 2000 or now - 60000
local newcomer = joined and joined >= begun
local claimed, redone = since, tonumber(head[7] or nil) or 0
local overtaken = redone >= tonumber(ARGV[13])
since, begun = lookFrom(since, head[4]), lookFrom(begun, head[4])

local appended, length, rates = false, nil, nil
if group and (ARGV[8] ~= '0' or ARGV[10] ~= '0') then rates = ratesOf(head[6], now, 7) end
local read, guard = not group and head[5], not group and head[6]
local watchers = head[3] or ''
if group then watchers = leases(watchers, redis.call('HGETALL', KEYS[3])) end
local answer, room = {'ok', head[1], watchers, now, 0, 0, guard or ''}, nil
if bounded then
  length = redis.call('LLEN', KEYS[1])
  room = roomOf(owner, head[1], base, fetched(read, head[1]), base + length,
    ARGV[14], ARGV[15], ARGV[16], ARGV[17])
end

-- Several searches, one after the other, would read the end of the log several times. So
-- the script reads the end once, and searches only for a key that is there. Keys that
-- this script appends are added to what was read.
local many, seen = #ARGV > begin + 4, {} -- what was read, by the time back to which it was read: the keys
local function look(key, from, long)
  length = length or redis.call('LLEN', KEYS[1])
  if long then return findLong(key, length, from) end
  if many then
    seen[from] = seen[from] or keysBack(length, from)
    if not seen[from][key] then return nil end
  end
  return find(key, length, from)
end

-- Searches for an entry that may stand twice. If it does, the later one loses its text.
local function single(key)
  local place, before, found = look(key, since)
  while place do
    local p, b, f = find(key, place - 1, since)
    if not p then break end
    redis.call('LSET', KEYS[1], place - 1, recalled(found))
    place, before, found = p, b, f
  end
  return place, before, found
end

-- Returns whether entries were removed that were written after the first claim.
local function shortened()
  return base > 0 and (timeOf(redis.call('LINDEX', KEYS[1], 0)) or 0) > claimed
end

-- Returns the reason why the owner does not take the message with a key, and since when
-- that is so. Returns nil if the owner takes it.
local function unwanted(key)
  local from = string.match(key, '^%d+')
  if owner == '' or from == owner then return nil end
  return refuses(guard, head[marks[from]])
end

local joins, leaves = {['']=1}, {['']=0} -- by sender: the numbers of the entries by which the sender joined and left
local mute = {} -- by sender: whether the sender's role forbids to write
for i = begin, #ARGV, 5 do
  local place, before, found, wait
  local from = ARGV[i + 3]
  if joins[from] == nil then
    joins[from], leaves[from] = membership(head[members[from]])
    local role = ',' .. (head[members[from] + 1] or '') .. ','
    mute[from] = ARGV[5] ~= '' and not string.find(ARGV[5], role, 1, true)
  end
  local belongs = ARGV[6] ~= '1' or joins[from] > 0 and leaves[from] == 0
  local writes = belongs and not mute[from]
  local why, start = unwanted(ARGV[i + 1])
  local stored = ARGV[i] == '2' or ARGV[i] == '3'
  if ARGV[i] == '3' then
    place, before, found = single(ARGV[i + 1])
  elseif ARGV[i] ~= '0' or overtaken then
    place, before, found = look(ARGV[i + 1], since, ARGV[i] == '4')
  elseif newcomer then
    place, before, found = look(ARGV[i + 1], begun)
  end
  if not place and not writes and joins[from] > 0 and ARGV[i] == '0' then
    place, before, found = look(ARGV[i + 1], since)
  end
  if place and why and (ARGV[i] == '2' or (timeOf(found) or 0) >= start) then
    redis.call('LSET', KEYS[1], place - 1, recalled(found))
    place, before, found = nil, nil, nil
  end
  local gone = not place and ARGV[i] == '4' and shortened()
  if not place and writes and not why and not stored and not gone then
    wait = rates and charge(rates, ARGV[i + 4])
    if not wait and (not room or admit(room, string.match(ARGV[i + 1], '^%d+'))) then
      before, last = last, ARGV[i + 2]
      length = redis.call('RPUSH', KEYS[1], last)
      place, appended = length, true
      for _, keys in pairs(seen) do keys[ARGV[i + 1]] = true end
      if ARGV[i] == '4' then redone = math.max(redone, tonumber(ARGV[12])) end
    end
  end
  answer[#answer + 1] = place and base + place or 0
  if gone then
    answer[#answer + 1] = 'gone'
  elseif not place and belongs and not writes then
    answer[#answer + 1] = 'role'
  elseif not place and why then
    answer[#answer + 1] = why
  else
    answer[#answer + 1] = wait and tostring(wait) or keyOf(before)
  end
  answer[#answer + 1] = found or ''
end
if room then
  keepCounts(room)
  answer[5], answer[6] = room.newest - room.lower, length
elseif length then
  answer[5], answer[6] = base + length - math.max(base, tonumber(read or nil) or 0), length
end
if redone > (tonumber(head[7] or nil) or 0) then redis.call('HSET', KEYS[2], 'redone', digits(redone)) end
if rates and rates.spent then
  redis.call('HSET', KEYS[2], 'rates', textOf(rates))
elseif not appended then
  redis.call('HSET', KEYS[2], 'epoch', head[1])
end
return answer
