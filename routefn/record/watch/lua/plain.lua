-- Prelude: the plain form of keys by which routes make tickets and tokens.

-- Reports whether a field of the history of keys is a plain key: 32 bytes in hexadecimal.
-- Names of sealed keys are shorter.
local function isPlain(field)
  return #field == 64
end
