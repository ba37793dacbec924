"""Preludes that read."""
