"""Clients that wait: long polls, event streams, and what they cost others."""
