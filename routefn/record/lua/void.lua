-- Prelude: what a device that logged out was given before is void.

-- The number up to which a device's tokens and tickets are void, or nil if it never
-- logged out. own is the device's field out:DEVICE, floor the field out. A device
-- without a cursor never connected, or was forgotten: what is true of the last such
-- that logged out is true of all of them, so that no name that somebody invents gets a
-- field of its own.
local function voidTo(own, floor, cursor)
  return tonumber(own or (not cursor and floor) or nil)
end

-- Why a token counts no more, 'void' or 'expired', or nil. It names the number of the
-- login that it came with, and when it expires by the store's clock.
local function refusal(void, number, expires)
  if void and tonumber(number) <= void then return 'void' end
  if clock() >= tonumber(expires) then return 'expired' end
  return nil
end
