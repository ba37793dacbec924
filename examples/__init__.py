"""Example functions, and programs that call them. `make run` serves them."""
