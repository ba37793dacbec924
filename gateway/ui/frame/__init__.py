"""The frame of all pages: start, addresses, key entry, connection, search."""
