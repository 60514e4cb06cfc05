-- Prelude: jobs that wait for their time.

-- A whole number as digits: Lua itself writes large ones with an exponent.
local function whole(n)
  return string.format('%.0f', math.floor(tonumber(n)))
end

-- How far below its time a delayed message waits once it was taken, in ms: it stands in
-- one of its logs perhaps, so that it is due from then on, even if the store's clock
-- jumps back. What is left of a score has its fractions still.
local below = 2 ^ 42

-- When a job is due that waits at a score.
local function timeAt(score)
  score = tonumber(score)
  return score < 0 and score + below or score
end

-- The field of the shard's jobs that says when one was first taken.
local function taken(key)
  return key .. ' f'
end

-- The field that says how often one failed in a row.
local function failures(key)
  return key .. ' n'
end
