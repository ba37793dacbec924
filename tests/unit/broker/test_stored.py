"""arq's dicts: written as it writes them, read whoever wrote them."""

import asyncio
import dataclasses
import io
import json
import pickle
import threading
from typing import Any, cast

import msgpack
import orjson
import pytest

from jobgate.broker import Failure, FailureCode, JobBody, JobResult
from jobgate.broker.bodies.codecs import Codec, codec_named, custom_codec
from jobgate.broker.bodies.stored import OWNER_WITHIN, decode_job, decode_result, encode_job, encode_result
from jobgate.broker.errors import DecodeError, EncodeError
from jobgate.broker.job_options import NO_OPTIONS, OPTION_FORMS, JobOptions, OptionKind
from jobgate.worker import Retry, RetryJob

JSON, MSGPACK, PICKLE = (codec_named(name) for name in ("json", "msgpack", "pickle"))
CUSTOM = custom_codec(
    lambda fields: b"!" + json.dumps(fields).encode(), lambda blob: json.loads(_unmarked(blob))
)
CODECS = [pytest.param(codec, id=codec.name) for codec in (JSON, MSGPACK, PICKLE, CUSTOM)]

BODY = JobBody(
    function="send",
    args=[1, "a", None],
    kwargs={"b": [2]},
    enqueue_time_ms=1_700_000_000_000,
    first_try=2,
    options=JobOptions(
        queue="mail", timeout=1.5, max_tries=3, keep_result=0, owner="crm", request_token="ab12"
    ),
)
JOB_FIELDS: dict[str, Any] = {"t": None, "f": "send", "a": [1], "k": {}, "et": 5}
RESULT = JobResult(
    job_id="j",
    function="send",
    args=[1],
    kwargs={"b": 2},
    tries=1,
    success=True,
    result={"sent": [True, None]},
    enqueue_time_ms=5,
    start_time_ms=6,
    finish_time_ms=7,
    queue="mail",
    worker="w1",
    options=JobOptions(owner="crm", request_token="ab12"),
)
RESULT_FIELDS = {**JOB_FIELDS, "t": 1, "s": True, "r": "ok", "st": 6, "ft": 7, "q": "mail", "id": "j"}
ERROR = Failure(type="ValueError", message="bad", traceback="Traceback …", code=FailureCode.ERROR)


def _unmarked(blob: bytes) -> bytes:
    if not blob.startswith(b"!"):
        raise ValueError("no mark")
    return blob[1:]


def failed(failure: Failure, exception: BaseException | None = None) -> JobResult:
    return dataclasses.replace(RESULT, success=False, result=None, failure=failure, exception=exception)


def read_job(blob: bytes, codec: Codec = JSON, *, trust_pickle: bool = False) -> JobBody:
    return decode_job(blob, codec=codec, trust_pickle=trust_pickle)


def read_result(blob: bytes, codec: Codec = JSON, *, trust_pickle: bool = False) -> JobResult:
    return decode_result(blob, "j", codec=codec, trust_pickle=trust_pickle)


def as_lists(body: Any) -> Any:
    return dataclasses.replace(body, args=list(body.args))


class TwoArguments(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class HoldsALock(Exception):
    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


class Named(Exception):
    pass


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


# Jobs


def test_a_job_is_stored_under_arqs_keys_and_one_of_ours() -> None:
    assert orjson.loads(encode_job(BODY, JSON)) == {
        "t": 2,
        "f": "send",
        "a": [1, "a", None],
        "k": {"b": [2]},
        "et": 1_700_000_000_000,
        "jobgate": {"q": "mail", "to": 1.5, "mt": 3, "kr": 0, "o": "crm", "rt": "ab12"},
    }


def test_a_job_without_options_is_just_what_arq_writes() -> None:
    body = JobBody(function="send", args=[1], kwargs={}, enqueue_time_ms=5)
    assert pickle.loads(encode_job(body, PICKLE)) == {"t": None, "f": "send", "a": (1,), "k": {}, "et": 5}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("trust_pickle", [True, False])
def test_a_job_comes_back_as_it_was(codec: Codec, trust_pickle: bool) -> None:
    assert as_lists(read_job(encode_job(BODY, codec), codec, trust_pickle=trust_pickle)) == BODY


#: What a job of jobgate has although it is not stored.
OURS: dict[str, Any] = {"queue": "", "request_token": "made:"}


def test_what_most_jobs_have_is_not_stored() -> None:
    body = dataclasses.replace(BODY, options=JobOptions(**OURS))
    blob = encode_job(body, JSON)
    assert orjson.loads(blob)["jobgate"] == {}
    assert as_lists(read_job(blob)) == body


def test_a_job_of_stock_arq_says_nothing() -> None:
    blob = encode_job(dataclasses.replace(BODY, options=NO_OPTIONS), JSON)
    assert "jobgate" not in orjson.loads(blob)
    assert read_job(blob).options == NO_OPTIONS


#: A value of each kind of option.
VALUES: dict[OptionKind, Any] = {
    OptionKind.TEXT: "x",
    OptionKind.SECONDS: 1.5,
    OptionKind.COUNT: 3,
    OptionKind.FLAG: True,
}


@pytest.mark.parametrize("name", OPTION_FORMS)
def test_an_option_is_stored_with_the_job_and_where_its_form_says_so_with_the_result(name: str) -> None:
    form = OPTION_FORMS[name]
    value = VALUES[form.kind]
    options = JobOptions(**{name: value})
    blob = encode_job(dataclasses.replace(BODY, options=options), JSON)
    assert orjson.loads(blob)["jobgate"] == {form.key: value}
    assert read_job(blob).options == (options if name == "retry_of" else JobOptions(**OURS | {name: value}))
    blob = encode_result(dataclasses.replace(RESULT, worker=None, options=options), JSON)
    assert orjson.loads(blob).get("jobgate", {}) == ({form.key: value} if form.in_result else {})
    assert read_result(blob).options == (options if form.in_result else NO_OPTIONS)


def test_no_two_options_share_a_key_with_each_other_or_with_the_fields_of_a_result() -> None:
    keys = [form.key for form in OPTION_FORMS.values()]
    assert len({*keys, "w", "ns", "c", "e"}) == len(keys) + 4


@pytest.mark.parametrize("writer", CODECS[:3])
@pytest.mark.parametrize("reader", CODECS)
def test_every_codec_reads_the_others(writer: Codec, reader: Codec) -> None:
    assert as_lists(read_job(encode_job(BODY, writer), reader)) == BODY


def test_a_custom_codec_reads_first() -> None:
    swap = custom_codec(orjson.dumps, lambda _: {**JOB_FIELDS, "f": "mine"})
    assert read_job(orjson.dumps(JOB_FIELDS), swap).function == "mine"


def test_a_custom_codec_that_finds_no_dict_has_not_read_it() -> None:
    shrug = custom_codec(orjson.dumps, lambda _: cast("dict[str, Any]", []))
    assert read_job(orjson.dumps(JOB_FIELDS), shrug).function == "send"
    with pytest.raises(DecodeError, match="no dict"):
        read_job(b"?", shrug)


@pytest.mark.parametrize("protocol", [0, 1])
def test_pickles_without_a_mark_are_read_by_the_pickle_codec(protocol: int) -> None:
    blob = pickle.dumps(JOB_FIELDS, protocol)
    assert read_job(blob, PICKLE).function == "send"
    assert read_job(blob, PICKLE, trust_pickle=True).function == "send"
    with pytest.raises(DecodeError):
        read_job(blob, JSON)


def test_unknown_keys_are_ignored() -> None:
    blob = orjson.dumps({**JOB_FIELDS, "new": 1, "jobgate": {"q": "mail", "newer": [2]}})
    assert read_job(blob) == JobBody(
        function="send",
        args=[1],
        kwargs={},
        enqueue_time_ms=5,
        options=JobOptions(queue="mail", request_token="made:"),
    )


@pytest.mark.parametrize("name", ["t", "f", "a", "k", "et"])
def test_a_missing_field_of_a_job_is_a_decode_error(name: str) -> None:
    fields = {key: value for key, value in JOB_FIELDS.items() if key != name}
    with pytest.raises(DecodeError, match=f"'{name}' is missing"):
        read_job(orjson.dumps(fields))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t", "1"),
        ("t", True),
        ("f", None),
        ("a", "abc"),
        ("a", {"0": 1}),
        ("k", []),
        ("k", {1: 2}),
        ("et", 1.5),
        ("et", None),
        ("jobgate", []),
        ("jobgate", {"q": 1}),
        ("jobgate", {"to": "1"}),
        ("jobgate", {"to": float("nan")}),
        ("jobgate", {"to": 1e300}),
        ("jobgate", {"mt": 1.5}),
        ("jobgate", {"kr": True}),
        ("jobgate", {"o": ["crm"]}),
        ("jobgate", {"rt": 5}),
    ],
)
def test_a_field_of_the_wrong_kind_is_a_decode_error(name: str, value: Any) -> None:
    with pytest.raises(DecodeError, match="wrong kind"):
        read_job(msgpack.packb({**JOB_FIELDS, name: value}))


@pytest.mark.parametrize("blob", [b"", b"[]", b"\x93\x01\x02\x03", pickle.dumps([1]), b"\x00", b"{", b"\x80"])
@pytest.mark.parametrize("codec", CODECS)
def test_what_is_no_dict_is_a_decode_error(blob: bytes, codec: Codec) -> None:
    with pytest.raises(DecodeError):
        read_job(blob, codec)


def test_what_the_codec_cannot_hold_is_an_encode_error() -> None:
    body = dataclasses.replace(BODY, args=[object()])
    for codec in (JSON, MSGPACK, CUSTOM):
        with pytest.raises(EncodeError):
            encode_job(body, codec)
    with pytest.raises(EncodeError):
        encode_job(dataclasses.replace(BODY, args=[threading.Lock()]), PICKLE)


# Results


def test_a_result_is_stored_under_arqs_keys_and_one_of_ours() -> None:
    assert orjson.loads(encode_result(RESULT, JSON)) == {
        "t": 1,
        "f": "send",
        "a": [1],
        "k": {"b": 2},
        "et": 5,
        "s": True,
        "r": {"sent": [True, None]},
        "st": 6,
        "ft": 7,
        "q": "mail",
        "id": "j",
        "jobgate": {"w": "w1", "o": "crm", "rt": "ab12"},
    }


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("trust_pickle", [True, False])
@pytest.mark.parametrize("result", [RESULT, failed(ERROR)], ids=["success", "failure"])
def test_a_result_comes_back_as_it_was(codec: Codec, trust_pickle: bool, result: JobResult) -> None:
    back = read_result(encode_result(result, codec), codec, trust_pickle=trust_pickle)
    assert as_lists(dataclasses.replace(back, exception=None)) == result


def test_a_failure_without_pickle_is_plain_data() -> None:
    stored = orjson.loads(encode_result(failed(ERROR), JSON))
    assert stored["s"] is False
    assert stored["r"] == {"type": "ValueError", "message": "bad", "traceback": "Traceback …"}
    assert stored["jobgate"] == {"w": "w1", "o": "crm", "rt": "ab12", "c": "error"}


class Spent(Exception):
    """What a function raises."""


@pytest.mark.parametrize(
    ("failure", "raised", "stored"),
    [
        (ERROR, Spent("bad"), "Spent('bad')"),
        (Failure(type="Gone", message="bad"), None, "RuntimeError('Gone: bad')"),
        (
            Failure(type="TimeoutError", message="late", code=FailureCode.TIMEOUT),
            None,
            "TimeoutError('late')",
        ),
        (
            Failure(type="JobExecutionFailed", message="job expired", code=FailureCode.EXPIRED),
            None,
            "RuntimeError('JobExecutionFailed: job expired')",
        ),
    ],
)
def test_a_custom_codec_that_holds_exceptions_gets_them(
    failure: Failure, raised: Exception | None, stored: str
) -> None:
    """dill and the like: arq's clients raise what the result holds."""
    dill = custom_codec(
        lambda fields: b"!" + pickle.dumps(fields), lambda blob: pickle.loads(_unmarked(blob))
    )
    failed = dataclasses.replace(RESULT, success=False, result=None, failure=failure, exception=raised)
    blob = encode_result(failed, dill)
    assert repr(dill.loads(blob)["r"]) == stored
    assert decode_result(blob, "j", codec=dill, trust_pickle=False).failure == failure


def test_a_custom_codec_that_makes_text_of_exceptions_does_not_get_them() -> None:
    texts = custom_codec(lambda fields: json.dumps(fields, default=str).encode(), json.loads)
    failed = dataclasses.replace(RESULT, success=False, result=None, failure=ERROR, exception=Spent("bad"))
    assert texts.loads(encode_result(failed, texts))["r"] == {
        "type": "ValueError",
        "message": "bad",
        "traceback": "Traceback …",
    }


def test_a_failure_with_odd_text_can_still_be_stored() -> None:
    failure = Failure(type="OSError", message="no file \udcff", traceback="\ud800")
    for codec in (JSON, MSGPACK, PICKLE):
        back = read_result(encode_result(failed(failure), codec), codec)
        assert back.failure == Failure(type="OSError", message=r"no file \udcff", traceback=r"\ud800")


@pytest.mark.parametrize("name", ["t", "f", "a", "k", "et", "s", "r", "st", "ft"])
def test_a_missing_field_of_a_result_is_a_decode_error(name: str) -> None:
    fields = {key: value for key, value in RESULT_FIELDS.items() if key != name}
    with pytest.raises(DecodeError, match=f"'{name}' is missing"):
        read_result(orjson.dumps(fields))


def test_queue_and_id_may_be_missing() -> None:
    fields = {key: value for key, value in RESULT_FIELDS.items() if key not in {"q", "id"}}
    back = read_result(orjson.dumps(fields))
    assert (back.job_id, back.queue) == ("j", "<unknown>")


def test_an_unknown_code_is_an_error() -> None:
    stored = {**RESULT_FIELDS, "s": False, "r": {"type": "X", "message": "m"}, "jobgate": {"c": "new-code"}}
    assert read_result(orjson.dumps(stored)).failure == Failure(type="X", message="m")


# Failures in pickles


@pytest.mark.parametrize(
    ("raised", "stored"),
    [
        (Retry(1.5), ("Retry", {"defer_score": 1500})),
        (Retry(), ("Retry", {})),
        (RetryJob(), ("RetryJob", {})),
    ],
)
def test_a_retry_that_is_not_allowed_is_pickled_as_arqs(
    raised: Exception, stored: tuple[str, dict[str, int]]
) -> None:
    failure = Failure(type=type(raised).__name__, message=str(raised))
    blob = encode_result(dataclasses.replace(failed(failure), exception=raised), PICKLE)
    trusted = read_result(blob, PICKLE, trust_pickle=True)
    kind = type(trusted.exception)
    assert (kind.__module__, kind.__name__, vars(trusted.exception)) == ("arq.worker", *stored)
    assert read_result(blob, PICKLE).failure == failure


@pytest.mark.parametrize(
    ("code", "message", "path"),
    [
        (FailureCode.EXPIRED, "job expired", "arq.worker JobExecutionFailed"),
        (FailureCode.MAX_TRIES, "max 5 retries exceeded", "arq.worker JobExecutionFailed"),
        (FailureCode.UNKNOWN_FUNCTION, "function 'x' not found", "arq.worker JobExecutionFailed"),
        (FailureCode.LOST_BODY, "unable to deserialize job", "arq.jobs DeserializationError"),
    ],
)
def test_our_own_failures_are_pickled_as_arqs_classes(code: FailureCode, message: str, path: str) -> None:
    failure = Failure(type="Anything", message=message, code=code)
    blob = encode_result(failed(failure), PICKLE)
    seen: list[str] = []

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            seen.append(f"{module} {name}")
            return RuntimeError

    raised = Reader(io.BytesIO(blob)).load()["r"]
    assert seen == [path]
    assert str(raised) == message
    assert read_result(blob, PICKLE).failure == failure
    trusted = read_result(blob, PICKLE, trust_pickle=True)
    assert type(trusted.exception).__name__ == path.split()[1]


@pytest.mark.parametrize(
    ("failure", "exception", "stored"),
    [
        (Failure(type="X", message="", code=FailureCode.ABORTED), None, asyncio.CancelledError()),
        (Failure(type="X", message="5 s", code=FailureCode.TIMEOUT), None, TimeoutError("5 s")),
        (Failure(type="Named", message="n"), Named("n"), Named("n")),
        (Failure(type="KeyError", message="k"), None, KeyError("k")),
        (
            Failure(type="TwoArguments", message="a and b"),
            TwoArguments("a", "b"),
            RuntimeError("TwoArguments: a and b"),
        ),
        (Failure(type="HoldsALock", message="locked"), HoldsALock(), RuntimeError("HoldsALock: locked")),
        (Failure(type="EncodeError", message="m"), EncodeError("m"), RuntimeError("EncodeError: m")),
        (Failure(type="UnicodeDecodeError", message="m"), None, RuntimeError("UnicodeDecodeError: m")),
        (Failure(type="SystemExit", message=""), None, RuntimeError("SystemExit")),
        (Failure(type="print", message="m"), None, RuntimeError("print: m")),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_failure_is_pickled_as_an_exception(
    failure: Failure, exception: BaseException | None, stored: BaseException
) -> None:
    blob = encode_result(failed(failure, exception), PICKLE)
    raised = pickle.loads(blob)["r"]
    assert (type(raised), raised.args) == (type(stored), stored.args)
    assert read_result(blob, PICKLE).failure == failure
    assert read_result(blob, PICKLE).exception is None
    assert isinstance(read_result(blob, PICKLE, trust_pickle=True).exception, type(stored))


def test_an_exception_without_text_is_read_all_the_same() -> None:
    blob = pickle.dumps({**RESULT_FIELDS, "s": False, "r": Unprintable()})
    failure = read_result(blob, PICKLE, trust_pickle=True).failure
    assert failure == Failure(type="Unprintable", message="(its text cannot be shown)")


def test_an_unserialisable_result_is_pickled_as_arqs_text() -> None:
    failure = Failure(type="X", message="", code=FailureCode.UNSERIALISABLE_RESULT)
    assert pickle.loads(encode_result(failed(failure), PICKLE))["r"] == "unable to serialize result"


def test_arguments_that_cannot_be_pickled_are_an_encode_error() -> None:
    for code in (FailureCode.ERROR, FailureCode.EXPIRED):
        result = dataclasses.replace(
            failed(Failure(type="X", message="m", code=code)), args=[threading.Lock()]
        )
        with pytest.raises(EncodeError, match="pickle cannot hold"):
            encode_result(result, PICKLE)


def arq_class(path: str, message: str) -> bytes:
    """Pickle what stock arq stores for a failure of its own, without arq."""
    fields = pickle.dumps({**RESULT_FIELDS, "s": False}, protocol=3)[:-1]
    text = message.encode()
    name = b"c" + path.encode() + b"\n"
    return fields + b"X\x01\x00\x00\x00r" + name + b"X" + len(text).to_bytes(4, "little") + text + b"\x85Rs."


@pytest.mark.parametrize(
    ("path", "message", "code"),
    [
        ("arq.worker\nJobExecutionFailed", "job expired", "expired"),
        ("arq.worker\nJobExecutionFailed", "function 'a\nb' not found", "unknown-function"),
        ("arq.worker\nJobExecutionFailed", "max 5 retries exceeded", "max-tries"),
        ("arq.worker\nJobExecutionFailed", "something else", "error"),
        ("arq.jobs\nDeserializationError", "unable to deserialize job", "lost-body"),
        ("asyncio.exceptions\nCancelledError", "", "aborted"),
        ("builtins\nTimeoutError", "", "timeout"),
        ("builtins\nValueError", "job expired", "error"),
    ],
)
@pytest.mark.parametrize("trust_pickle", [True, False])
def test_stock_arqs_failures_get_our_codes(path: str, message: str, code: str, trust_pickle: bool) -> None:
    failure = read_result(arq_class(path, message), trust_pickle=trust_pickle).failure
    assert failure == Failure(type=path.split("\n")[1], message=message, code=FailureCode(code))


def test_stock_arqs_text_for_an_unserialisable_result_gets_our_code() -> None:
    stored = {**RESULT_FIELDS, "s": False, "r": "unable to serialize result"}
    failure = read_result(pickle.dumps(stored)).failure
    assert failure is not None
    assert failure.code is FailureCode.UNSERIALISABLE_RESULT


def test_any_class_that_a_failed_result_names_is_told_as_its_failure() -> None:
    blob = arq_class("shop.orders\nOutOfStock", "no more bolts")
    assert read_result(blob).failure == Failure(type="OutOfStock", message="no more bolts")


@pytest.mark.parametrize("codec", [JSON, MSGPACK, PICKLE], ids=lambda codec: codec.name)
def test_the_owner_stands_at_the_end_however_large_the_rest_is(codec: Codec) -> None:
    """The gateway looks only there before it reads a job for a caller; pickles it reads in any case."""
    owner = "o" * 64
    large = ["x" * 10_000]
    failure = Failure(type="E", message="m" * 4_000, traceback="t" * 9_000, code=FailureCode.ERROR)
    ended = dataclasses.replace(
        RESULT, args=large, result=large, options=JobOptions(owner=owner, request_token="r" * 200)
    )
    blobs = [
        encode_job(
            dataclasses.replace(BODY, args=large, options=JobOptions(owner=owner, request_token="r" * 200)),
            codec,
        ),
        encode_result(ended, codec),
        encode_result(dataclasses.replace(ended, success=False, result=None, failure=failure), codec),
    ]
    for blob in blobs:
        assert owner.encode() in blob[-OWNER_WITHIN:] or blob[0] == 0x80


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)
def test_options_of_any_length_leave_the_owner_at_the_end(codec: Codec) -> None:
    """Else the gateway would take a job for somebody else's, and its owner could not see it."""
    first, last = JobOptions._fields[:-4], JobOptions._fields[-4:]
    kept = ("owner", "request_token", "wants_outcome", "is_counted")
    assert last == kept, "a new option stands before the owner"
    texts: dict[str, Any] = {
        name: "x" * 2_000 for name in first if OPTION_FORMS[name].kind is OptionKind.TEXT
    }
    options = JobOptions(
        **texts, owner="crm" * 20, request_token="r" * 200, wants_outcome=True, is_counted=True
    )
    tail = encode_job(dataclasses.replace(BODY, options=options), codec)[-OWNER_WITHIN:]
    assert texts
    assert b"crm" * 20 in tail
