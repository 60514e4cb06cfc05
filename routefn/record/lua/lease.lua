-- Prelude: where a group is pushed to.

-- The hash of leases, as HGETALL answers it, as lines behind those that routes of
-- earlier releases keep as text: node TAB boot TAB addr TAB end.
local function leases(text, fields)
  local lines = {text or ''}
  for i = 1, #fields, 2 do lines[#lines + 1] = fields[i] .. '\t' .. fields[i + 1] end
  return table.concat(lines, '\n')
end
