"""What is measured: one function for each benchmark, which returns its table."""
