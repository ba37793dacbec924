"""Workers: drains, starts, what keeping books costs."""
