#!lua flags=allow-oom
-- Return the name of the data set that Redis holds; name it if it has no name yet.
-- Uses: epoch.lua (name_data_set)
--
-- KEYS[1] epoch  STRING  name of the data set
-- ARGV[1] name to give it
--
-- Returns the name; '' if the key holds another type of value

return name_data_set(KEYS[1], ARGV[1])
