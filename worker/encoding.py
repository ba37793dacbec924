"""How this worker writes results: with the codec that its settings choose, up to a limit."""

import dataclasses
from typing import Any

from jobgate.broker import Codec, EncodeError, codec_named, custom_codec
from jobgate.worker.settings import Settings


def result_codec(settings: Settings) -> Codec:
    """Return the codec of the settings, which refuses results beyond their `result_limit`.

    Without a limit one result could fill Redis, or every gateway that reads it.
    """
    if settings.job_serializer is None or settings.job_deserializer is None:
        codec = codec_named(settings.serializer)
    else:
        codec = custom_codec(settings.job_serializer, settings.job_deserializer)
    plain_dumps, limit = codec.dumps, settings.result_limit

    def dumps(fields: dict[str, Any]) -> bytes:
        blob = plain_dumps(fields)
        if len(blob) > limit:
            raise EncodeError(f"It has {len(blob):,} bytes, {limit:,} are allowed: store it elsewhere.")
        return blob

    return dataclasses.replace(codec, dumps=dumps)
