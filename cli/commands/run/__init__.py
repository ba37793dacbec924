"""Commands that run something: `jobgate --help` has them under Run."""
