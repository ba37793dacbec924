"""Commands for operators: `jobgate --help` has them under Operate."""
