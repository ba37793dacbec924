"""Both ends of a connection to a gateway: clients, a gateway that answers as told, good and bad requests."""
