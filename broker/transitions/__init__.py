"""The life of a job: each module calls the scripts of one transition."""
