-- Prelude: who is a contact of the owner of an inbox.

-- Returns whether a sender is a contact. A sender is one if the owner has accepted the
-- sender, or has written to the sender before. KEYS[2] is the hash of the inbox, and
-- KEYS[4] has the users to whom the owner wrote.
local function isContact(sender)
  return redis.call('HGET', KEYS[2], 'k:' .. sender) == 'contact' or redis.call('ZSCORE', KEYS[4], sender) ~= false
end
