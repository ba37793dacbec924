"""`python -m jobgate.cli` is the `jobgate` command."""

from jobgate.cli.main import main

main()
