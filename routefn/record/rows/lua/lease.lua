-- Prelude: reads the leases of a group, which say to which nodes it is pushed.

-- Returns lines of leases: node TAB boot TAB addr TAB end. The parameter text has the
-- first lines, which routes of earlier releases keep. The parameter fields has the other
-- leases. It is an answer to HGETALL.
local function leases(text, fields)
  local lines = {text or ''}
  for i = 1, #fields, 2 do lines[#lines + 1] = fields[i] .. '\t' .. fields[i + 1] end
  return table.concat(lines, '\n')
end
