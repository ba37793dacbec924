"""Style sheets: tokens first, then the frame, then the parts of pages."""
