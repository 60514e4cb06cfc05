-- Prelude: the membership of a user, in the hash of a group's log: "joined left version
-- removed". joined and left are the numbers of the entries by which the user last
-- joined and left; left is zero while the user belongs to the group. version is the
-- version of the intent that was carried out last. If removed is 1, the user may not join
-- by themselves, and only somebody with the right to do so may add them. Otherwise removed
-- is 0.

local function membership(text)
  local joined, left, version, removed = string.match(text or '', '^(%d+) (%d+) (%d+) ([01])$')
  return tonumber(joined or 0), tonumber(left or 0), tonumber(version or 0), removed == '1'
end

local function memberText(joined, left, version, removed)
  return string.format('%.0f %.0f %s %s', joined, left, version, removed and '1' or '0')
end
