-- Prelude: a bucket of tokens that gets one back in each interval. It is kept as one
-- number, the time in ms at which it is full again (the theoretical arrival time of GCRA,
-- ITU-T I.371). No number, or one in the past, is a full bucket.

-- Takes a token at the time now, from a bucket of most tokens that gets one back in every
-- ms. Returns the bucket's number after that, or nil and in how many ms there is a token.
-- most 0 is a bucket that never runs out. A number that is too high was made before the
-- clock was set back, and counts as that of an empty bucket.
local function taken(full, now, every, most)
  if most <= 0 then return now end
  local empty = now + every * most
  local after = math.min(math.max(tonumber(full or 0), now), empty) + every
  if after > empty then return nil, after - empty end
  return after
end

-- Gives a token back. Returns the bucket's number after that, or nil if it is full.
local function given(full, now, every)
  local after = tonumber(full or 0) - every
  return after > now and after or nil
end

local function digits(n)
  return string.format('%.0f', n)
end
