"""The life of a job: one script for each transition."""
