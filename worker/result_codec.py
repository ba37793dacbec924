"""How this worker writes results: with the codec that its settings choose, up to a limit."""

import dataclasses

from jobgate.broker import Codec, codec_named, custom_codec
from jobgate.worker.settings import Settings


def result_codec(settings: Settings) -> Codec:
    """Return the codec of the settings, which refuses results beyond their `result_limit`.

    Without a limit one result could fill Redis, or every gateway that reads it.
    """
    if settings.job_serializer is None or settings.job_deserializer is None:
        codec = codec_named(settings.serializer)
    else:
        codec = custom_codec(settings.job_serializer, settings.job_deserializer)
    return dataclasses.replace(codec, result_limit=settings.result_limit)
