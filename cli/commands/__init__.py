"""The commands of `jobgate`, one file each, on floors named after the sections of `jobgate --help`."""
