"""Server-sent events: their text, and the streams that are open."""

from jobgate.gateway.events.event_text import BEGIN, HEARTBEAT, QUIET, comment, event_text
from jobgate.gateway.events.open_streams import OpenStreams, Stream
from jobgate.gateway.events.own_changes import OwnChanges

__all__ = ["BEGIN", "HEARTBEAT", "QUIET", "OpenStreams", "OwnChanges", "Stream", "comment", "event_text"]
