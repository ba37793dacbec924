"""One job, from claim to stored outcome."""
