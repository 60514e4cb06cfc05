-- Prelude: the membership of a user, in the hash of a group's log: "joined left version
-- removed". The first two values are the numbers of the entries by which the user last
-- joined and left. The second is zero while the user belongs to the group. The third is
-- the version of the intent that was carried out last. If the fourth is 1, the user was
-- removed: they may not join by themselves, and only somebody with the right to do so may
-- add them. In all other cases it is 0.

local function membership(text)
  local joined, left, version, removed = string.match(text or '', '^(%d+) (%d+) (%d+) ([01])$')
  return tonumber(joined or 0), tonumber(left or 0), tonumber(version or 0), removed == '1'
end

local function memberText(joined, left, version, removed)
  return string.format('%.0f %.0f %s %s', joined, left, version, removed and '1' or '0')
end
