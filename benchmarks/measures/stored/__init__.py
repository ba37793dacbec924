"""What Redis holds: long queues, finished jobs, memory."""
