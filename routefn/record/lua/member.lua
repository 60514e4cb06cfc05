-- Prelude: a user's field in the hash of a group's log, "joined left version
-- removed": the numbers of the entries by which he joined and left last, left being
-- zero while he belongs, the version of the intent that was carried out last, and 1
-- if he may not join by himself, else 0.

local function membership(text)
  local joined, left, version, removed = string.match(text or '', '^(%d+) (%d+) (%d+) ([01])$')
  return tonumber(joined or 0), tonumber(left or 0), tonumber(version or 0), removed == '1'
end

-- The number by which a member joined; zero for others.
local function joinedAt(text)
  local joined, left = membership(text)
  if left > 0 then return 0 end
  return joined
end
