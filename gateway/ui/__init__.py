"""Pages for browsers, as package data: HTML, CSS and JavaScript that load nothing from elsewhere."""
