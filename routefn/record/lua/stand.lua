-- Answers whether entries that were read are still at their places in the log. It always
-- writes: see append.lua. It sets a time to live of 30 years, and removes that again in
-- the same step. This changes nothing and needs no memory, so even a store whose memory
-- is full accepts it.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] epoch; ARGV[2] number and ARGV[3] key of the log's end; then the number and the
-- key of each entry, in order. Numbers may be missing in between: see expire.lua
-- Answers {'ok'} or {'gone'}.
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if head[1] ~= ARGV[1] then return {'gone'} end
local base = tonumber(head[2] or 0)

-- Returns whether a range of entries is at its places. ARGV[from] and ARGV[to] are the
-- ends of the range.
local function stand(from, to)
  if to < from then return true end
  local first, last = tonumber(ARGV[from]) - base, tonumber(ARGV[to - 1]) - base
  if first < 1 then return false end -- trimmed
  local list = redis.call('LRANGE', KEYS[1], first - 1, last - 1)
  for i = from, to, 2 do
    if keyOf(list[tonumber(ARGV[i]) - base - first + 1]) ~= ARGV[i + 1] then return false end
  end
  return true
end

if not stand(2, 3) or not stand(4, #ARGV) then return {'gone'} end
redis.call('PEXPIRE', KEYS[2], '1000000000000')
redis.call('PERSIST', KEYS[2])
return {'ok'}
