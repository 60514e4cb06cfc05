-- Runs several commands that read, in one step. A transaction would do that, too, but a
-- server whose memory is full may refuse any transaction, even one that only reads.
--
-- KEYS[n] key of the nth command
-- ARGV for each command: its name, how many arguments follow its key, these
-- Answers one value a command, as EXEC does.
local answers, at = {}, 1
for n, key in ipairs(KEYS) do
  local count = tonumber(ARGV[at + 1])
  answers[n] = redis.call(ARGV[at], key, unpack(ARGV, at + 2, at + 1 + count))
  at = at + 2 + count
end
return answers
