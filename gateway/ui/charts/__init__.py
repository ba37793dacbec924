"""What happened over time, drawn: the last hour of a queue, the steps of a job."""
