"""Preludes that write."""
