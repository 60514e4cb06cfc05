-- Prelude: the users with a higher role, in the hash of a group's log. The field
-- officers has their ids, one a line, in the order in which they got their roles.

-- Returns the ids in a text, without one of them.
local function others(text, user)
  local list = {}
  for id in string.gmatch(text or '', '%d+') do
    if id ~= user then list[#list + 1] = id end
  end
  return list
end
