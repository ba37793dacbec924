"""The commands of `jobgate`, one file each."""
