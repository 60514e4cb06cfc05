-- Finds out which of some entries are among the latest 1,000 of a log. It changes
-- nothing. It reads growing chunks from the end, and stops when it has found them all.
-- Most entries are reported as shown soon after they were stored.
--
-- KEYS[1] list
-- ARGV the entries' keys
-- Answers {'ok', the keys that were found}.
local wanted, left, answer, seen = {}, 0, {'ok'}, 0
for i = 1, #ARGV do
  if not wanted[ARGV[i]] then
    wanted[ARGV[i]], left = true, left + 1
  end
end
for _, size in ipairs({16, 48, 192, 744}) do
  if left == 0 then break end
  local chunk = redis.call('LRANGE', KEYS[1], -(seen + size), -(seen + 1))
  for i = #chunk, 1, -1 do
    local key = keyOf(chunk[i])
    if wanted[key] then
      wanted[key], left, answer[#answer + 1] = nil, left - 1, key
    end
  end
  seen = seen + size
  if #chunk < size then break end
end
return answer
