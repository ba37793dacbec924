"""jobgate.testing: what tests of functions and of their callers need, with fixtures for pytest."""
