-- Prelude: a bucket of tokens that gets one token back in each interval. It is kept as
-- one number: the time in ms at which it is full again (the theoretical arrival time of
-- GCRA, ITU-T I.371). If there is no number, or it is in the past, the bucket is full.

-- Takes a token from a bucket. The parameter full is the number of the bucket, or nil.
-- The parameter most is how many tokens the bucket holds, or 0 if it never runs out.
-- After every ms, the bucket gets one token back. Returns the new number. If there is no
-- token, returns nil and the ms until there is one. A number that is too high was made
-- before the clock was set back. Then the bucket counts as empty.
local function taken(full, now, every, most)
  if most <= 0 then return now end
  local empty = now + every * most
  local after = math.min(math.max(tonumber(full or 0), now), empty) + every
  if after > empty then return nil, after - empty end
  return after
end

-- Gives a token back. Returns the bucket's number after that, or nil if the bucket is
-- full.
local function given(full, now, every)
  local after = tonumber(full or 0) - every
  return after > now and after or nil
end
