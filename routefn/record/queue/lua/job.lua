-- Prelude: the scores and fields of jobs.

-- Returns a number, rounded down, as digits. Lua itself writes large numbers with an
-- exponent.
local function whole(n)
  return string.format('%.0f', math.floor(tonumber(n)))
end

-- When a delayed message is taken, its score is set this many ms below the time when it
-- was due. It may be in one of its logs already, so it must stay due even if the store's
-- clock jumps back. The number is small enough that the fractions of a score are kept.
local below = 2 ^ 42

-- Returns when the job with this score is due, in ms.
local function timeAt(score)
  score = tonumber(score)
  return score < 0 and score + below or score
end

-- Returns the field that has the time when the job was first taken.
local function taken(key)
  return key .. ' f'
end

-- Returns the field that has how often the job has failed in a row.
local function failures(key)
  return key .. ' n'
end
