-- Prelude: who is a contact of the owner of an inbox.

-- Returns whether a sender is a contact: the owner has written to the sender before.
-- KEYS[4] has the users to whom the owner wrote.
local function isContact(sender)
  return redis.call('ZSCORE', KEYS[4], sender) ~= false
end
