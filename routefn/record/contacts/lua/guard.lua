-- Prelude: whose messages the owner of an inbox takes. Fields of the inbox's hash say
-- that, so that the step that stores a message reads them. relation.lua writes them.
--
-- If everybody may write, there is no field guard. If everybody but blocked users may, it
-- is 'blocks'. If only contacts may, it is 'contacts' TAB the ms since when. The field
-- k:USER is the owner's mark of a user: 'blocked' TAB the ms since when, even for a
-- contact; or 'contact'.

-- Returns the name of the field with the mark of a user.
local function markOf(user)
  return 'k:' .. user
end

-- Returns why the owner takes no message of a sender with this mark, 'blocked' or
-- 'contacts', and the ms since when that is so. Returns nil if the owner takes messages
-- of the sender.
local function refuses(guard, mark)
  if not guard then return nil end
  local since = string.match(mark or '', '^blocked\t(%d+)')
  if since then return 'blocked', tonumber(since) end
  since = string.match(guard, '^contacts\t(%d+)')
  if since and mark ~= 'contact' then return 'contacts', tonumber(since) end
  return nil
end
