"""Real Redis and Valkey processes, and what stands before them."""
