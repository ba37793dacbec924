"""Commands that call functions: `jobgate --help` has them under Call."""
