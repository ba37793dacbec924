"""What any HTTP service needs."""
