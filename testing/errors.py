"""What goes wrong in the testing kit itself."""


class TestingError(Exception):
    """The testing kit cannot do what a test asks for: the message says what to change."""

    #: Not a class of tests, whatever its name.
    __test__ = False


class NotImitated(TestingError):
    """The eager client has no Redis, and does not imitate what needs one."""
