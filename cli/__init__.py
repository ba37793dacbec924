"""The `jobgate` command: it puts gateway, worker, client and embedded server together."""
