"""What a gateway counts, in memory that all gateway processes of one command share."""

from jobgate.gateway.counts.host_counts import HostCounts
from jobgate.gateway.counts.memory import anonymous_file, wipe_passing
from jobgate.gateway.counts.occupancy import Occupancy

__all__ = ["HostCounts", "Occupancy", "anonymous_file", "wipe_passing"]
