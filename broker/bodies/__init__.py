"""How jobs, results and other records are stored."""
