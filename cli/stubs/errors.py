"""The error of the stubs."""


class StubsError(Exception):
    """The stubs cannot be made; the message says why, and what to do."""
