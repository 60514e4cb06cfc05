-- Prelude: the relations of a user to others. Another user can be blocked, or a contact,
-- or somebody who asks or is asked to become a contact. A hash, "the user's relations",
-- has all relations. The step that stores a message must check a part of them. So the
-- hash of the user's inbox has that part, too: see guard.lua. Needs guard.lua.
--
-- A field of the relations is named after the id of another user. Its value is: the ms
-- since when that user is blocked, or ''; TAB the state; TAB the ms since when the state
-- is that; TAB a remark; TAB the text of a request. The state is 'contact', 'incoming' if
-- the other one asks to be a contact, 'outgoing' if the user asks, or ''. There are two
-- more fields: n has how many users are blocked, contacts, incoming and outgoing; may has
-- three words, see consent.lua, and the ms when the first one changed.

local function relationOf(text)
  local blocked, state, since, remark, words = string.match(text or '', '^(%d*)\t(%a*)\t(%d*)\t([^\t]*)\t([^\t]*)$')
  return {blocked = blocked or '', state = state or '', since = since or '', remark = remark or '', text = words or ''}
end

-- Returns the mark of a relation, or nil.
local function markFrom(r)
  if r.blocked ~= '' then return 'blocked\t' .. r.blocked end
  return r.state == 'contact' and 'contact' or nil
end

local function numbersOf(text)
  local blocked, contact, incoming, outgoing = string.match(text or '', '^(%d+) (%d+) (%d+) (%d+)$')
  return {blocked = tonumber(blocked or 0), contact = tonumber(contact or 0),
    incoming = tonumber(incoming or 0), outgoing = tonumber(outgoing or 0)}
end

-- Writes three fields into the hash of an inbox. The field guard follows from the number
-- of blocked users and the first word of may. The fields add and find are the second and
-- the third word.
local function setGuard(hash, blocked, may)
  local words = {}
  words.add, words.find = string.match(may or '', '^%S+ (%S+) (%S+) ')
  for _, name in ipairs({'add', 'find'}) do
    if (words[name] or '-') ~= '-' then
      redis.call('HSET', hash, name, words[name])
    else
      redis.call('HDEL', hash, name)
    end
  end
  local since = string.match(may or '', '^contacts .* (%d+)$')
  if since then
    redis.call('HSET', hash, 'guard', 'contacts\t' .. since)
  elseif blocked > 0 then
    redis.call('HSET', hash, 'guard', 'blocks')
  else
    redis.call('HDEL', hash, 'guard')
  end
end

-- Writes a key that is '1' if a user blocks somebody or has said who may add them to
-- groups. So routes need not look at the inboxes of all other users. The key is never
-- removed, because a server refuses a script for a missing key while the slot moves to
-- another server.
local function setChoosy(key, blocked, may)
  redis.call('SET', key, (blocked > 0 or string.find(may or '', '^%S+ %a+ ')) and '1' or '0')
end
