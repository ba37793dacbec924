"""The `jobgate` command, which brings gateway, worker, client and embedded server together."""
