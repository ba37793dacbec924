"""Pickles, read as plain data: nothing is imported and nothing is called."""
