"""What pages show: lists, tables and panels of jobs, queues and workers, and the dialog for many jobs."""
