"""The Lua scripts, one transition each, and their loader."""
