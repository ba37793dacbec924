"""The Lua scripts, one transition each, and their loader."""

from jobgate.broker.scripts.loader import Script, script

__all__ = ["Script", "script"]
