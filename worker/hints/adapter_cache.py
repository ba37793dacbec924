"""The adapters of all hints of one worker."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it imports pydantic
    from jobgate.worker.hints.hint_adapters import HintAdapter


class UnusableHint(Exception):
    """pydantic cannot use a hint. Its text is for people; empty = nothing is to be done about it."""


class AdapterCache:
    """Makes the adapter of each hint once: functions with equal hints share them.

    pydantic is imported for the first hint; a worker without hints does not need it.
    """

    def __init__(self) -> None:
        self._known: dict[Any, HintAdapter | UnusableHint] = {}

    def of(self, hint: Any) -> "HintAdapter":
        """Return the adapter of a hint.

        Raises:
            UnusableHint: pydantic cannot use the hint.
        """
        try:
            # `int | str` equals `str | int`, but their order may matter.
            key = (hint, repr(hint))
            known = self._known.get(key)
        except Exception:  # it has no hash, or code of its own that raises
            key, known = None, None
        if known is None:
            known = _adapter_of(hint)
            if key is not None:
                self._known[key] = known
        if isinstance(known, UnusableHint):
            raise UnusableHint(str(known))
        return known


def _adapter_of(hint: Any) -> "HintAdapter | UnusableHint":
    from jobgate.worker.hints.hint_adapters import HintAdapter  # noqa: PLC0415 - it imports pydantic

    try:
        made = HintAdapter(hint)
    except UnusableHint as error:
        return error
    return made
