-- Invites users to a group. The script does not invite members of the group, or users who
-- have blocked the inviter. If a user has too many invitations, the oldest one goes.
--
-- KEYS hashes of the users' logs
-- ARGV[1] the inviter; ARGV[2] the group; ARGV[3] the group's name; ARGV[4] the most
-- invitations of a user
-- Answers for each user: 'invited', 'nolog', 'blocked' or 'member'.
local answer = {}
for i = 1, #KEYS do
  local head = redis.call('HMGET', KEYS[i], 'epoch', 'invited', 'groups', markOf(ARGV[1]))
  local verdict = 'invited'
  if not head[1] then
    verdict = 'nolog'
  elseif refuses('blocks', head[4]) then
    verdict = 'blocked'
  elseif pick(head[3], ARGV[2]) then
    verdict = 'member'
  else
    local mine, lines = pick(head[2], ARGV[2])
    while #lines >= tonumber(ARGV[4]) do table.remove(lines, 1) end
    lines[#lines + 1] = table.concat({ARGV[2], ARGV[1], digits(clock()), ARGV[3]}, '\t')
    redis.call('HSET', KEYS[i], 'invited', table.concat(lines, '\n'))
  end
  answer[#answer + 1] = verdict
end
return answer
