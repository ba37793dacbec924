-- Read what workers do now. Writes nothing.
-- Uses: read.lua (read)
--
-- KEYS[1…] vitals  STRING  what one worker does (JSON)
-- ARGV[1] largest size in bytes
--
-- Returns { vitals or false, … }; false for what is larger or of another type

local answer = {}
for at, key in ipairs(KEYS) do
  local vitals = read('GET', key)
  answer[at] = vitals and #vitals <= tonumber(ARGV[1]) and vitals
end
return answer
