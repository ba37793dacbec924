-- Prelude: whether a job may belong to an owner, without reading it.
-- Uses: read.lua (read)

-- Whether a stored body or result may name the owner in its last bytes. The cost does not depend on its size.
local function may_name_owner(key, owner, within)
  local first = read('GETRANGE', key, 0, 0)
  local tail = read('GETRANGE', key, -within, -1)
  -- A pickle may contain its owner anywhere.
  return first == '\128' or (tail and string.find(tail, owner, 1, true) ~= nil)
end
