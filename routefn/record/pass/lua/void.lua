-- Prelude: which tokens and tickets are void because their device was logged out.

-- Returns the number up to which the tokens and tickets of a device are void, or nil if
-- it was never logged out. The parameter own is the value of the device's field
-- out:DEVICE, and floor is the value of the field out. A device without a cursor never
-- connected, or was forgotten. All such devices share the field out: if one is logged
-- out, that counts for all of them. So a caller who invents names of devices cannot fill
-- the hash with fields.
local function voidTo(own, floor, cursor)
  return tonumber(own or (not cursor and floor) or nil)
end

-- Returns the reason why a token does not count, 'void' or 'expired'. Returns nil if the
-- token counts. The parameter number is the number of the login that made the token. The
-- parameter expires is when the token expires, in ms.
local function refusal(void, number, expires)
  if void and tonumber(number) <= void then return 'void' end
  if clock() >= tonumber(expires) then return 'expired' end
  return nil
end
