-- Seals plain keys in place, or replaces the boxes of sealed keys. For the two forms, see
-- key.lua.
--
-- KEYS[1] the keys, KEYS[2] hash with their history
-- ARGV[1] the plain key in KEYS[1], or '' if KEYS[1] has none; then three values for each
-- key: its plain form, or '' if it is sealed already; its name; its box
-- Answers {'ok', '1'}, or {'ok', '0'} without a change if there are other plain keys.
local held = redis.pcall('GET', KEYS[1])
if not held or type(held) == 'table' then held = '' end
if held ~= ARGV[1] then return {'ok', '0'} end
local given = {}
for i = 2, #ARGV, 3 do given[ARGV[i]] = true end
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if isPlain(all[i]) and not given[all[i]] then return {'ok', '0'} end
end

if held ~= '' then redis.call('DEL', KEYS[1]) end
for i = 2, #ARGV, 3 do
  local plain, name, box = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if plain ~= '' and plain == held then redis.call('HSET', KEYS[1], 'current', name) end
  redis.call('HSET', KEYS[1], name, box)
  local seen = redis.call('HGET', KEYS[2], plain)
  if seen then
    redis.call('HSET', KEYS[2], name, seen)
    redis.call('HDEL', KEYS[2], plain)
  end
end
return {'ok', '1'}
