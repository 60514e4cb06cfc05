-- Prelude: a user's field in the hash of a group's log, "joined left version
-- removed": the numbers of the entries by which they joined and left last, left being
-- zero while they belong, the version of the intent that was carried out last, and 1
-- if they may not join unless added, else 0.

local function membership(text)
  local joined, left, version, removed = string.match(text or '', '^(%d+) (%d+) (%d+) ([01])$')
  return tonumber(joined or 0), tonumber(left or 0), tonumber(version or 0), removed == '1'
end
