-- Closes a report. For a while it keeps the decision and who made it.
--
-- KEYS[1] the open reports, KEYS[2] the report, then the open reports of each user who is
-- noted in it
-- ARGV[1] id of the report, ARGV[2] the version that was read, ARGV[3] the moderator, ARGV[4] the
-- decision, ARGV[5] a note, ARGV[6] who wrote the message, ARGV[7] to which group or '0',
-- ARGV[8] for how many ms a decision is kept
-- Answers {'ok', who wrote it, to which group}, {'none'} if there is no such report,
-- {'changed'}, or {'decided'} if somebody else has decided, or the same moderator
-- otherwise.
local head = redis.call('HMGET', KEYS[2], 'version', 'decision', 'by', 'from', 'group')
if head[2] then
  redis.call('HSET', KEYS[2], 'decision', head[2]) -- changes nothing, but WAIT needs a write of this call
  if head[2] ~= ARGV[4] or head[3] ~= ARGV[3] then return {'decided'} end
  return {'ok', head[4], head[5]}
end
if not head[1] then return {'none'} end
if head[1] ~= ARGV[2] then return {'changed'} end
redis.call('ZREM', KEYS[1], ARGV[1])
for i = 3, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'number', digits(clock()), 'decision', ARGV[4], 'by', ARGV[3], 'note', ARGV[5],
  'from', ARGV[6], 'group', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
return {'ok', ARGV[6], ARGV[7]}
