-- Lists the sessions of a user's devices: live ones, and those whose last login still
-- counts. It changes nothing.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] for how many ms a login counts, ARGV[2] how many sessions to list
-- Answers {'nolog'}, or {'ok', and for each session: device, '1' if the session is live or
-- '0', since when in ms, number of the last login, the network from which that login came},
-- live sessions first.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'live', 'devices', 'logins', 'out')
if not head[1] then return {'nolog'} end
local connected, seen, logins = connectedIn(head[2]), seenIn(head[3]) or {}, loginsIn(head[4])

local last, names = {}, {}
for name, ms in pairs(seen) do last[name] = ms end
for name, number in pairs(connected) do last[name] = number end
for name, login in pairs(logins) do last[name] = login.number end
for name in pairs(last) do names[#names + 1] = name end
table.sort(names, function(a, b)
  if (connected[a] == nil) ~= (connected[b] == nil) then return connected[a] ~= nil end
  if last[a] ~= last[b] then return last[a] > last[b] end
  return a < b
end)

local answer, now, most = {'ok'}, clock(), tonumber(ARGV[2])
for i = 1, math.min(#names, most) do
  local name, login = names[i], logins[names[i]]
  local own = redis.call('HMGET', KEYS[1], 'out:' .. name, 'closed:' .. name)
  local number = login and login.number or connected[name] or tonumber(own[2] or 0) -- an earlier version does not list logins
  local void = voidTo(own[1], head[5], redis.call('HEXISTS', KEYS[1], 'cur:' .. name) == 1)
  if connected[name] or number > (void or 0) and now - number < tonumber(ARGV[1]) then
    for _, value in ipairs({name, connected[name] and '1' or '0', digits(connected[name] or seen[name] or 0),
      digits(number), login and login.from or ''}) do
      answer[#answer + 1] = value
    end
  end
end
return answer
