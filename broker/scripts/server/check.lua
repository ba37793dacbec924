-- Prove that scripts run and that the clock can be read. Writes nothing.
-- Uses: clock.lua (now)
--
-- Returns the time, unix ms

return now
