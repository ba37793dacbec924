"""Commands that show what there is: `jobgate --help` has them under Look."""
