"""Counts the waits of a caller over all gateways. Those of a killed gateway expire."""

from typing import Final

from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Longest time in ms for which a wait is counted: the longest wait that a gateway may allow, an hour, and
#: time to end it.
_LONGEST_MS: Final = 3_660_000


class WaitCountPart(Part):
    """Counts waits (admit_wait.lua, end_wait.lua)."""

    async def admit_wait(self, caller: str, token: str, *, most: int, seconds: float, timeout: float) -> bool:
        """Count one more wait of a caller; return whether it may wait.

        Args:
            caller: Name of the caller.
            token: Identifies the wait; a repeated call with it counts once.
            most: Most waits of the caller at the same time.
            seconds: How long the wait is counted if nothing ends it.
            timeout: Seconds for the call, if fewer than the broker's deadline.
        """
        lasts = min(round(seconds * 1000), _LONGEST_MS)
        args = [token, most, lasts, _LONGEST_MS]
        key = self.keys.waits(caller)
        # A count that is lost in a failover lets some more wait, for a moment.
        answer = await self._core.link.run(script("admit_wait"), [key], args, timeout=timeout, is_hint=True)
        # -1: another program has put something else there. Each gateway still counts its own.
        return bool(answer)

    async def end_wait(self, caller: str, token: str, *, timeout: float) -> None:
        """Stop counting a wait; arguments as for `admit_wait`."""
        key = self.keys.waits(caller)
        await self._core.link.run(script("end_wait"), [key], [token], timeout=timeout, is_hint=True)
