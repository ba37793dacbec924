"""The Lua scripts, on floors by what they are about, and their loader."""

from jobgate.broker.scripts.loader import Script, script

__all__ = ["Script", "script"]
