-- Prelude: the places of the inbox in KEYS[1]. A message waits until a device of the
-- owner has fetched it, and takes a place until then. See full.go. Needs contact.lua.
--
-- As long as few entries wait, no sender can hold too many places, and nothing is
-- counted. If more wait, the hash KEYS[3] has the counts. Each sender whose messages wait
-- has a field with their number, which is negated for a stranger. The other fields are
-- epoch, the sums all and strangers, and the numbers named from and to. An entry counts
-- if its number is above the first of these two, and at most the second.

local function whole(n)
  return string.format('%.0f', n)
end

-- Returns the room of an inbox. The parameter lower is the number up to which entries do
-- not wait, and newest is the number of the last entry. The parameters places, sender and
-- strangers say how many places there are: see limit.Places. The parameter life says for
-- how many ms the counts are kept.
local function roomOf(owner, epoch, base, lower, newest, places, sender, strangers, life)
  return {owner = owner, epoch = epoch, base = base,
    lower = math.max(base, lower), newest = newest, places = tonumber(places), sender = tonumber(sender),
    strangers = tonumber(strangers), life = life}
end

-- Returns whether an entry is somebody else's message to the owner.
local function received(owner, stored)
  local from = string.match(stored, '^%d+')
  return from ~= owner and from ~= '0' and from -- the first entry of a log has the sender 0
end

-- Returns the count of a sender, as the hash has it, or 0 if the sender has none.
local function countOf(tally, from)
  local n = tally.of[from]
  if not n then
    n = not tally.fresh and tonumber(redis.call('HGET', KEYS[3], from) or nil) or 0
    tally.of[from] = n
  end
  return n
end

local function add(room, from, n)
  local tally = room.tally
  local count = countOf(tally, from)
  local stranger = count < 0 or count == 0 and not isContact(from)
  tally.of[from] = stranger and count - n or count + n
  tally.changed[from] = true
  tally.all = tally.all + n
  if stranger then tally.strangers = tally.strangers + n end
end

-- Adds n to the counts, for each entry in a range. The parameter from is the number
-- before the range, and the parameter to is the last number in it.
local function addAll(room, from, to, n)
  while from < to do
    local chunk = redis.call('LRANGE', KEYS[1], from - room.base, math.min(from + 50, to) - room.base - 1)
    if #chunk == 0 then return end
    for _, stored in ipairs(chunk) do
      local sender = received(room.owner, stored)
      if sender then add(room, sender, n) end
    end
    from = from + #chunk
  end
end

-- Reads the counts, and brings them up to date. It adds new entries, and takes away
-- entries that do not wait any longer. So it reads each entry only for these two changes.
local function recount(room)
  local kept = redis.call('HMGET', KEYS[3], 'epoch', 'from', 'to', 'all', 'strangers')
  local from, to = tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  local tally = {of = {}, changed = {}, all = tonumber(kept[4] or 0), strangers = tonumber(kept[5] or 0)}
  room.tally = tally
  if kept[1] ~= room.epoch or from < room.base or to > room.newest or to <= room.lower then
    if kept[1] then redis.call('DEL', KEYS[3]) end
    from, to = room.lower, room.lower
    tally.fresh, tally.all, tally.strangers = true, 0, 0
  end
  addAll(room, from, room.lower, -1)
  addAll(room, to, room.newest, 1)
  tally.moved = from ~= room.lower or to ~= room.newest
end

-- Writes the counts, if they were read and have changed.
local function keepCounts(room)
  local tally = room.tally
  if not tally then return end
  local set, gone = {}, {}
  for from in pairs(tally.changed) do
    if tally.of[from] == 0 then
      gone[#gone + 1] = from
    else
      set[#set + 1], set[#set + 2] = from, whole(tally.of[from])
    end
  end
  if #set + #gone == 0 and not tally.moved then return end
  for i = 1, #gone, 1000 do redis.call('HDEL', KEYS[3], unpack(gone, i, math.min(i + 999, #gone))) end
  for i = 1, #set, 1000 do redis.call('HSET', KEYS[3], unpack(set, i, math.min(i + 999, #set))) end
  redis.call('HSET', KEYS[3], 'epoch', room.epoch, 'from', whole(room.lower), 'to', whole(room.newest),
    'all', whole(tally.all), 'strangers', whole(tally.strangers))
  redis.call('PEXPIRE', KEYS[3], room.life)
end

-- Returns whether the inbox has a place for one more message of a sender. If it returns
-- true, the caller must append that message. The owner always has a place.
local function admit(room, from)
  local mine = from == room.owner
  if not mine and room.newest - room.lower >= room.sender then
    if not room.tally then recount(room) end
    local tally = room.tally
    local count, contact = countOf(tally, from), isContact(from)
    if count ~= 0 and contact ~= (count > 0) then -- the sender has become a contact, or is none any longer
      tally.strangers = tally.strangers + count
      count = -count
      tally.of[from], tally.changed[from] = count, true
    end
    if tally.all >= room.places or math.abs(count) >= room.sender or not contact and tally.strangers >= room.strangers then
      return false
    end
  end
  room.newest = room.newest + 1
  if room.tally then
    room.tally.moved = true
    if not mine then add(room, from, 1) end
  end
  return true
end
