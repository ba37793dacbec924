"""Workers and queues: who is alive, what is offered, what is paused."""
