-- Empties the inbox of a user whose account is being erased. All data in the user's slot
-- goes, and so all sessions, tokens and tickets end. Only a hash stays for a while. It
-- has no epoch, and a field that forbids make.lua to make the inbox again.
--
-- KEYS[1] list, KEYS[2] hash of the user's log, then all other keys of the user's slot
-- ARGV[1] for how many ms the hash stays, which is longer than tokens live; ARGV[2] '1' if
-- the list of groups goes, too, because the user has left all of them
-- Answers {'ok', the version by which the user leaves groups, the groups to leave, one id a
-- line, the sessions that were live or ''}. A repetition gets the same version.
local head = redis.call('HMGET', KEYS[2], 'erased', 'groups', 'intents', 'version', 'live')
local last, groups = clock(), {}
local fields = redis.call('HGETALL', KEYS[2])
for i = 1, #fields, 2 do
  if fields[i] == 'issued' or fields[i] == 'floor' or string.match(fields[i], '^closed:') or string.match(fields[i], '^out') then
    last = math.max(last, tonumber(fields[i + 1]) or 0)
  end
end
for _, number in pairs(connectedIn(head[5])) do last = math.max(last, number) end
for _, text in ipairs({head[2] or '', head[3] or ''}) do
  for line in string.gmatch(text, '[^\n]+') do
    local group = string.match(line, '^%d+')
    if group and not groups[group] then
      groups[group] = true
      groups[#groups + 1] = group
    end
  end
end
local version, list = head[1] or digits(nextNumber(head[4])), table.concat(groups, '\n')
for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('HSET', KEYS[2], 'erased', version, 'out', digits(last), 'floor', digits(last))
if list ~= '' and ARGV[2] ~= '1' then redis.call('HSET', KEYS[2], 'groups', list) end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return {'ok', version, list, head[5] or ''}
