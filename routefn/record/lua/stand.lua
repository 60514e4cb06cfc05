-- Answers whether entries that were read are still at their places in the log. It always
-- writes: see append.lua. What it writes is a time to live of 30 years, which it takes
-- back in the same step. That changes nothing and needs no memory, so even a store whose
-- memory is full accepts it.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] epoch; ARGV[2] number and ARGV[3] key of the log's end; ARGV[4] number of the
-- first entry, then the keys of the entries in order
-- Answers {'ok'} or {'gone'}.
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if head[1] ~= ARGV[1] then return {'gone'} end
local base = tonumber(head[2] or 0)

-- Returns whether the entries from the given number on have the keys ARGV[from] to
-- ARGV[to].
local function stand(number, from, to)
  local place = tonumber(number) - base
  if place < 1 then return to < from end -- trimmed
  local list = redis.call('LRANGE', KEYS[1], place - 1, place - 1 + to - from)
  for i = from, to do
    if keyOf(list[i - from + 1]) ~= ARGV[i] then return false end
  end
  return true
end

if not stand(ARGV[2], 3, 3) or not stand(ARGV[4], 5, #ARGV) then return {'gone'} end
redis.call('PEXPIRE', KEYS[2], '1000000000000')
redis.call('PERSIST', KEYS[2])
return {'ok'}
