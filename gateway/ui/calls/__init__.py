"""A function: what it takes and returns, and the form that calls it, built from its schema."""
