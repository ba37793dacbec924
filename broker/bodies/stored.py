"""The stored dicts of jobs and results: arq's one-letter keys, known here and nowhere else.

Job: `t` first try or None, `f` function, `a` args, `k` kwargs, `et` enqueue time (unix ms).
Result: the same and `s` success, `r` result or failure, `st` and `ft` start and finish (unix ms),
`q` queue, `id` job id.

jobgate's additions are under one key, `jobgate`, which arq does not read. In a job: the options, under the
keys that `JobOptions` gives them; `{}` means the default queue and a generated id. In a result: `w` worker,
the options that results keep, `ns` that it never started (`st` is then the time of its end, for arq's
readers), `c` failure code, `e` failure (only where `r` holds an exception). A key is absent where its value
is None or False.
"""

import pickle
from collections.abc import Mapping
from typing import Any

from jobgate.broker.bodies import failures
from jobgate.broker.bodies.codecs import Codec, codec_named
from jobgate.broker.bodies.stored_options import (
    add_result_options,
    count_of,
    job_options,
    option_fields,
    result_options,
    text_of,
    wrong_kind,
)
from jobgate.broker.errors import DecodeError, EncodeError
from jobgate.broker.job_options import JobOptions
from jobgate.broker.pickles import FULL, Limits, read_pickle
from jobgate.broker.records import Failure, FailureCode, JobBody, JobRequest, JobResult

#: The owner is within this many bytes of the end of a stored job or result, except in pickles: only the
#: request token, a flag and the failure's code come after it.
OWNER_WITHIN = 1_024
_OWN = "jobgate"
_PICKLE = "pickle"
_CUSTOM = "custom"
_JSON_MARK = ord("{")
_PICKLE_MARK = 0x80
#: How a pickled dict begins in protocol 2; its items follow.
_EMPTY_DICT = pickle.PROTO + b"\2" + pickle.EMPTY_DICT + pickle.BINPUT + b"\0"
_MSGPACK_MARKS = frozenset([*range(0x81, 0x90), 0xDE, 0xDF])
_CODES = frozenset(FailureCode)


def encode_job(body: JobBody, codec: Codec) -> bytes:
    """Return the stored form of a job; raises as `encode_request`."""
    return encode_request(body, body.options, body.enqueue_time_ms, codec)


def encode_request(
    job: JobRequest | JobBody, options: JobOptions, enqueue_time_ms: int, codec: Codec
) -> bytes:
    """Return the stored form of a job that is asked for.

    Args:
        job: Its function and arguments.
        options: Its options.
        enqueue_time_ms: When it is enqueued.
        codec: The codec.

    Raises:
        EncodeError: The codec cannot hold its arguments.
    """
    fields = {
        "t": job.first_try,
        "f": job.function,
        "a": tuple(job.args),
        "k": dict(job.kwargs),
        "et": enqueue_time_ms,
    }
    own = option_fields(options)
    if own or options.queue is not None:
        fields[_OWN] = own
    return _dump(fields, codec)


def encode_again(body: JobBody, stored: bytes, codec: Codec) -> bytes:
    """Return the stored form of a job that repeats another one, with that one's codec.

    Args:
        body: The job. In a pickle its arguments are not looked at: those of `stored` stay as they are.
        stored: The stored form of the other job, or of its result unless that is a pickle. The arguments of
            `body` are from there.
        codec: For bytes whose codec cannot be recognised.

    Raises:
        EncodeError: The codec cannot hold the arguments.
    """
    if not is_pickled(stored):
        name = _recognised(stored)
        is_custom = codec.name == _CUSTOM or name is None
        return encode_job(body, codec if is_custom else _codec_to_read(name or "", codec))
    # The dict is on the stack when its pickle ends: instead of the end come the fields that differ.
    fields = {"t": body.first_try, "et": body.enqueue_time_ms, _OWN: option_fields(body.options)}
    differing = pickle.dumps(fields, protocol=2)
    return stored[: -len(pickle.STOP)] + differing.removeprefix(_EMPTY_DICT)


def decode_job(blob: bytes, *, codec: Codec, trust_pickle: bool, limits: Limits = FULL) -> JobBody:
    """Read a stored job, whichever codec wrote it.

    Args:
        blob: The stored bytes.
        codec: For bytes whose codec cannot be recognised; a custom one is always tried first.
        trust_pickle: Unpickle fully, which runs code that the writer chose. Otherwise pickles are read as
            plain data.
        limits: For pickles that are read as plain data.

    Raises:
        DecodeError: It cannot be read, or a field is missing or of the wrong kind; TooLarge if it exceeds the
            limits.
    """
    fields = _load(blob, codec, trust_pickle, limits)
    own = _own_fields(fields)
    return JobBody(
        **_common(fields),
        first_try=None if _field(fields, "t") is None else _int(fields, "t"),
        options=job_options(own, is_of_arq=fields.get(_OWN) is None),
    )


def encode_result(result: JobResult, codec: Codec) -> bytes:
    """Return the stored form of a result.

    A failure is stored as an exception that stock arq can load, if the codec is pickle or a custom one that
    can hold it; otherwise as plain data.

    Raises:
        EncodeError: The codec cannot hold the result or the arguments, or they exceed its `result_limit`.
    """
    blob = _encoded_result(result, codec)
    if not _fits(blob, codec):
        text = f"It has {len(blob):,} bytes, {codec.result_limit:,} are allowed: store it elsewhere."
        raise EncodeError(text)
    return blob


def _fits(blob: bytes, codec: Codec) -> bool:
    return codec.result_limit is None or len(blob) <= codec.result_limit


def _encoded_result(result: JobResult, codec: Codec) -> bytes:
    fields = {
        "t": result.tries,
        "f": result.function,
        "a": tuple(result.args),
        "k": dict(result.kwargs),
        "et": result.enqueue_time_ms,
        "s": result.success,
        # arq wants a number, also for a job that never started.
        "st": result.finish_time_ms if result.start_time_ms is None else result.start_time_ms,
        "ft": result.finish_time_ms,
        "q": result.queue,
        "id": _encodable(result.job_id),
    }
    own: dict[str, Any] = {} if result.worker is None else {"w": result.worker}
    add_result_options(own, result.options)
    if result.start_time_ms is None:
        own["ns"] = True
    if result.success:
        fields["r"] = result.result
        return _dump(_with_own(fields, own), codec)
    failure = result.failure or Failure(type="Exception", message="")
    own["c"] = str(failure.code)
    if codec.name == _PICKLE:
        own["e"] = failures.as_mapping(failure)
        return _dump_raised(_with_own(fields, own), failure, result.exception)
    plain = failures.as_mapping(failure)
    if codec.name == _CUSTOM:
        raised = failures.to_raise(failure, result.exception)
        blob = _dump_if_it_holds_exceptions({**fields, "r": raised, _OWN: {**own, "e": plain}}, codec)
        if blob is not None and _fits(blob, codec):
            return blob
    fields["r"] = plain
    return _dump(_with_own(fields, own), codec)


def decode_result(
    blob: bytes, job_id: str, *, codec: Codec, trust_pickle: bool, limits: Limits = FULL
) -> JobResult:
    """Read a stored result, whichever codec wrote it.

    Args:
        blob: The stored bytes.
        job_id: Id of the job, from the key of the result.
        codec: As in `decode_job`.
        trust_pickle: As in `decode_job`; with it, the exception of a failure is kept, too.
        limits: As in `decode_job`.

    Raises:
        DecodeError: As in `decode_job`.
    """
    fields = _load(blob, codec, trust_pickle, limits)
    own = _own_fields(fields)
    success = _field(fields, "s")
    stored = _field(fields, "r")
    if not isinstance(success, bool):
        raise wrong_kind("s")
    return JobResult(
        **_common(fields),
        job_id=job_id,
        tries=_int(fields, "t"),
        success=success,
        result=stored if success else None,
        failure=None if success else _failure(stored, own),
        exception=stored if not success and isinstance(stored, BaseException) else None,
        start_time_ms=None if own.get("ns") or _int(fields, "t") == 0 else _int(fields, "st"),
        finish_time_ms=_int(fields, "ft"),
        queue=_optional_text(fields, "q") or "<unknown>",
        worker=_optional_text(own, "w"),
        options=result_options(own),
    )


def _encodable(job_id: str) -> str:
    """Return an id that every codec can hold: bytes that are not UTF-8 become replacement characters."""
    return job_id if job_id.isascii() else job_id.encode(errors="surrogateescape").decode(errors="replace")


def _with_own(fields: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return {**fields, _OWN: own} if own else fields


def _dump(fields: dict[str, Any], codec: Codec) -> bytes:
    try:
        return codec.dumps(fields)
    except EncodeError:
        raise
    except Exception as error:  # a custom codec may raise anything
        raise EncodeError(f"The serializer failed ({error!r}): pass values that it can hold.") from error


def _dump_raised(fields: dict[str, Any], failure: Failure, exception: BaseException | None) -> bytes:
    try:
        return failures.dump_pickle(fields, failure, exception)
    except Exception as error:  # __reduce__ of any class in the arguments may run, and raise anything
        text = f"pickle cannot hold this value ({error}): pass data that can be pickled."
        raise EncodeError(text) from error


def _dump_if_it_holds_exceptions(fields: dict[str, Any], codec: Codec) -> bytes | None:
    """Return the bytes if reading them again returns the exception: only a try shows whether it does."""
    try:
        blob = codec.dumps(fields)
        loaded = codec.loads(blob)["r"]
    except Exception:  # JSON refuses it, and an exception whose class takes two arguments fails when loaded
        return None
    return blob if isinstance(loaded, BaseException) else None


def _load(blob: bytes, codec: Codec, trust_pickle: bool, limits: Limits) -> Mapping[str, Any]:
    fields = _load_any(blob, codec, trust_pickle, limits)
    if not isinstance(fields, dict):
        raise DecodeError("Stored bytes hold no dict: something else wrote this key.")
    return fields


def _load_any(blob: bytes, codec: Codec, trust_pickle: bool, limits: Limits) -> object:
    name = _recognised(blob)
    if codec.name == _CUSTOM:
        try:
            loaded: object = codec.loads(blob)
        except (
            Exception
        ) as error:  # the user's function may raise anything, and gets jobs of other codecs, too
            if name is None:
                text = f"The deserializer failed ({error!r}): use the producer's codec."
                raise DecodeError(text) from error
        else:
            if isinstance(loaded, dict) or name is None:
                return loaded
    name = name or codec.name
    if name == _PICKLE and not trust_pickle:
        return read_pickle(blob, limits)
    return _codec_to_read(name, codec).loads(blob)


def is_pickled(blob: bytes) -> bool:
    """Whether stored bytes are a pickle, by their first byte."""
    return _recognised(blob) == _PICKLE


def _recognised(blob: bytes) -> str | None:
    """Return the name of the codec that wrote `blob`, by its first byte; None = unknown."""
    mark = blob[0] if blob else None
    if mark == _JSON_MARK:
        return "json"
    if mark == _PICKLE_MARK:
        return _PICKLE
    return "msgpack" if mark in _MSGPACK_MARKS else None


def _codec_to_read(name: str, codec: Codec) -> Codec:
    if name == codec.name:
        return codec
    try:
        return codec_named(name)
    except ValueError as error:
        raise DecodeError(str(error)) from error


def _common(fields: Mapping[str, Any]) -> dict[str, Any]:
    args, kwargs = _field(fields, "a"), _field(fields, "k")
    if not isinstance(args, list | tuple):
        raise wrong_kind("a")
    if not isinstance(kwargs, dict) or not all(isinstance(name, str) for name in kwargs):
        raise wrong_kind("k")
    function = _field(fields, "f")
    if not isinstance(function, str):
        raise wrong_kind("f")
    return {"function": function, "args": args, "kwargs": kwargs, "enqueue_time_ms": _int(fields, "et")}


def _own_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    own = fields.get(_OWN)
    if own is None:
        return {}
    if not isinstance(own, dict):
        raise wrong_kind(_OWN)
    return own


def _failure(stored: object, own: Mapping[str, Any]) -> Failure:
    code = own.get("c")
    known = FailureCode(code) if isinstance(code, str) and code in _CODES else None
    written = own.get("e")
    return failures.from_stored(written if isinstance(written, dict) else stored, known)


def _field(fields: Mapping[str, Any], name: str) -> Any:
    try:
        return fields[name]
    except KeyError:
        raise DecodeError(f"Stored field {name!r} is missing: something else wrote this key.") from None


def _int(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    # The usual case first: a result has five of them.
    return value if type(value) is int else count_of(name, _field(fields, name))


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else text_of(name, value)
