"""What stands beside a test: a Redis server, a gateway, clients, and the loops that run them."""

from jobgate.testing.servers.clients import CALL_TIMEOUT, ClientInTest
from jobgate.testing.servers.gateway import GatewayInTest
from jobgate.testing.servers.keyspace import Keyspace
from jobgate.testing.servers.loop_thread import LoopThread
from jobgate.testing.servers.shared_server import SHARED_SERVER

__all__ = ["CALL_TIMEOUT", "SHARED_SERVER", "ClientInTest", "GatewayInTest", "Keyspace", "LoopThread"]
