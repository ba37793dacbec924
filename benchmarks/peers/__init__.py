"""What jobgate is compared with, and jobgate itself: as each one's documents say it is run."""

from benchmarks.peers.environments import PACKAGES, executable, versions
from benchmarks.peers.fronts import BARE, BODY, FASTAPI, FLOWER, FRONTS, GATEWAY, Front
from benchmarks.peers.workers import ARQ, JOBGATE, PEERS, SAQ, STREAQ, TASKIQ, Peer, Produced

__all__ = [
    "ARQ", "BARE", "BODY", "FASTAPI", "FLOWER", "FRONTS", "GATEWAY", "JOBGATE", "PACKAGES", "PEERS", "SAQ",
    "STREAQ", "TASKIQ", "Front", "Peer", "Produced", "executable", "versions",
]  # fmt: skip
