-- Issues the next session number of a user. The number is also above the number of the
-- token that the device shows. A store that came back with older data may have forgotten
-- that it issued the token's number. Its clock may be behind that number, too.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device; ARGV[2] number and ARGV[3] expiry of the token that the device shows,
-- ARGV[2] '' if it shows none; ARGV[4] '1' for a login, which is listed; ARGV[5]
-- network from which the login came; ARGV[6] '1' if it gets a refresh token; ARGV[7] how
-- many devices that never connected are listed
-- Answers {'nolog'}, {'void' or 'expired'} if the token is that, or {'ok', number, the
-- device's live session or '', node of the user's last session or '', the clock}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'issued', 'live', 'last', 'out:' .. ARGV[1], 'out', 'logins', 'devices')
if not head[1] then return {'nolog'} end
if ARGV[2] ~= '' then
  local cursor = not head[6] or redis.call('HEXISTS', KEYS[1], 'cur:' .. ARGV[1]) == 1
  local why = refusal(voidTo(head[5], head[6], cursor), ARGV[2], ARGV[3])
  if why then return {why} end
end
local number = nextNumber(math.max(tonumber(head[2] or 0), tonumber(ARGV[2]) or 0))
redis.call('HSET', KEYS[1], 'issued', digits(number))
if ARGV[4] == '1' then
  local logins = loginsIn(head[7])
  local login = {number = number, from = ARGV[5], chains = (logins[ARGV[1]] or {chains = {}}).chains}
  if ARGV[6] == '1' then addChain(login, newChain(number, 1)) end
  logins[ARGV[1]] = login
  dropOldest(logins, seenIn(head[8]) or {}, tonumber(ARGV[7]))
  redis.call('HSET', KEYS[1], 'logins', loginsText(logins))
end
local _, mine = split(head[3], ARGV[1])
return {'ok', digits(number), mine, head[4] or '', digits(clock())}
