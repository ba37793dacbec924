"""Jobs as the broker has them: records, leases, transitions, all that is in Redis."""
