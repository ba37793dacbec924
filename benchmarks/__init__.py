"""Benchmarks: `make bench`. What they print are ratios, taken side by side in one run."""
