-- Prelude: the order of the members of a sorted set. (Lua's own comparison of texts depends on the locale.)

-- Whether a member comes before another one of the same score.
local function is_before(one, other)
  for at = 1, math.min(#one, #other) do
    local difference = string.byte(one, at) - string.byte(other, at)
    if difference ~= 0 then
      return difference < 0
    end
  end
  return #one < #other
end
