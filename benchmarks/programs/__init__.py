"""Programs that are measured, each in an environment of its own."""
