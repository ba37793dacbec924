"""Benchmarks: `make bench`. What they print are figures and ratios, taken in turns in one run."""
