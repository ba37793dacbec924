"""Functions that do real work, and programs that call them; `make run` serves them."""
