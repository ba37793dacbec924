"""The processes that the commands start and watch."""
