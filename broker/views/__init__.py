"""What can be seen in Redis: jobs, lists, queues and workers."""
