"""What real workers run in tests: modules with functions and `WorkerSettings`."""
