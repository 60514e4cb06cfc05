-- Changes the relation of a user to another one: see relation.lua. It always writes, if
-- need be a value that is there already: see append.lua.
--
-- KEYS[1] hash of the user's log, KEYS[2] the user's relations, KEYS[3] see setChoosy
-- ARGV[1] what to do, a name in steps; ARGV[2] the other user; ARGV[3] a text; ARGV[4] the
-- most blocked users, ARGV[5] the most contacts, ARGV[6] the most requests of one direction
-- Answers {'nolog'}, {'ok', the state before}, {'full'}, or {'refused', the state}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'marks')
if not head[1] then return {'nolog'} end
local kept = redis.call('HMGET', KEYS[2], ARGV[2], 'n', 'may')
local r, n, now = relationOf(kept[1]), numbersOf(kept[2]), digits(clock())
local state, blocked, marked = r.state, r.blocked, markFrom(r) ~= nil
local most = {blocked = tonumber(ARGV[4]), contact = tonumber(ARGV[5]), incoming = tonumber(ARGV[6]), outgoing = tonumber(ARGV[6])}

local function become(next, text)
  if r.state ~= next then r.since = now end
  r.state, r.text = next, text or ''
  if next ~= 'contact' then r.remark = '' end
  return true
end

-- Each step returns whether it is allowed.
local steps = {
  block = function()
    if r.blocked == '' then r.blocked = now end
    return state == 'contact' or become('')
  end,
  unblock = function()
    r.blocked = ''
    return true
  end,
  -- The user asks the other one.
  ask = function()
    if state == 'contact' or state == 'incoming' then return false end
    return become('outgoing')
  end,
  -- The other one asks the user.
  asked = function()
    if r.blocked ~= '' then
      state = 'blocked'
      return false
    end
    if state == 'contact' or state == 'outgoing' then return false end
    return become('incoming', ARGV[3])
  end,
  -- The user may accept.
  permit = function() return state == 'incoming' or state == 'contact' end,
  -- The user accepts, or did before.
  accept = function() return (state == 'incoming' or state == 'contact') and become('contact') end,
  -- The other one accepts what the user asked for.
  accepted = function() return (state == 'outgoing' or state == 'contact') and become('contact') end,
  -- One of the two asks no longer.
  withdraw = function() return state == 'contact' or become('') end,
  -- One of the two ends the relation or the request.
  drop = function() return become('') end,
  remark = function()
    r.remark = ARGV[3]
    return state == 'contact'
  end,
}
if not steps[ARGV[1]]() then
  redis.call('HSET', KEYS[1], 'epoch', head[1])
  return {'refused', state}
end

-- Counts a change of state from one word to another. Returns false if there would be more
-- of the new state than allowed.
local function move(from, to)
  if from == to then return true end
  if n[from] then n[from] = math.max(0, n[from] - 1) end
  if n[to] then n[to] = n[to] + 1 end
  return not n[to] or n[to] <= most[to]
end
if not move(state, r.state) or not move(blocked ~= '' and 'blocked', r.blocked ~= '' and 'blocked') then return {'full'} end

local mark = markFrom(r)
if r.blocked == '' and r.state == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
else
  redis.call('HSET', KEYS[2], ARGV[2], table.concat({r.blocked, r.state, r.since, r.remark, r.text}, '\t'))
end
redis.call('HSET', KEYS[2], 'n', string.format('%d %d %d %d', n.blocked, n.contact, n.incoming, n.outgoing))
if mark then
  redis.call('HSET', KEYS[1], markOf(ARGV[2]), mark)
else
  redis.call('HDEL', KEYS[1], markOf(ARGV[2]))
end
local count = tonumber(head[2] or 0)
if (mark ~= nil) ~= marked then count = math.max(0, count + (mark and 1 or -1)) end
redis.call('HSET', KEYS[1], 'marks', tostring(count))
setGuard(KEYS[1], n.blocked, kept[3])
setChoosy(KEYS[3], n.blocked, kept[3])
return {'ok', state}
