-- Prelude: texts with one line per group. A line of the field groups is the group's id.
-- A line of the field intents is group TAB 'join', 'once' or 'leave' TAB version TAB id
-- of the user who requested it TAB the user's name.

-- Returns the line of the group, or nil, and a list of all other lines.
local function pick(text, group)
  local mine, others = nil, {}
  for line in string.gmatch(text or '', '[^\n]+') do
    if string.match(line, '^%d+') == group then
      mine = line
    else
      others[#others + 1] = line
    end
  end
  return mine, others
end
