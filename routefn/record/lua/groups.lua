-- Prelude: texts with a group a line. A user's groups have the group's id only;
-- the intents are group TAB what TAB version TAB who asks TAB the user's name.

-- The line of a group, or nil, and all other lines.
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
