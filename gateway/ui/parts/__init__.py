"""Elements that pages consist of: tables, times, numbers, charts, dialogs."""
