"""The form that calls a function, built from its schema."""
