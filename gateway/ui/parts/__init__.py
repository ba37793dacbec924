"""Elements that know nothing of pages: tables, times, numbers."""
