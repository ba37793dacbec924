"""How a worker stays alive and shows it."""
