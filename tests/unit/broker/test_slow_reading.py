"""Large pickles are read in a thread: quick ones are not, and what many ask for is read once."""

import asyncio
import gc
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from jobgate.broker.bodies import reading_thread, stored
from jobgate.broker.bodies.codecs import codec_named
from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles.limits import TooLarge

RAN: dict[str, Any] = {"t": 1, "f": "f", "a": (), "k": {}, "et": 1, "s": True, "st": 2, "ft": 3}
LARGE = pickle.dumps({**RAN, "r": ["x"] * 20_000})
SMALL = pickle.dumps({**RAN, "r": ["x"] * 20})
TOO_LARGE = pickle.dumps({**RAN, "r": [None] * 300_000})


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each thread has read a result to its end."""
    read: Counter[str] = Counter()

    def counted(*args: Any, **kwargs: Any) -> Any:
        result = stored.decode_result(*args, **kwargs)
        read[threading.current_thread().name.partition("_")[0]] += 1
        return result

    monkeypatch.setattr(reading_thread, "decode_result", counted)
    return read


async def test_quick_ones_are_read_at_once(threads: Counter[str]) -> None:
    reader = reading_thread.Decoder(codec_named("pickle"))
    assert (await reader.result(SMALL, "j")).result == ["x"] * 20
    assert threads == {"MainThread": 1}
    reader.close()


async def test_what_many_ask_for_is_read_once(threads: Counter[str]) -> None:
    reader = reading_thread.Decoder(codec_named("pickle"))
    copies = [bytes(bytearray(LARGE)) for _ in range(20)]
    results = await asyncio.gather(*(reader.result(blob, "j") for blob in copies))
    assert all(result.result == ["x"] * 20_000 for result in results)
    assert threads == {"jobgate-reader": 1}
    assert (await reader.result(LARGE, "j")).job_id == "j"
    assert (await reader.result(LARGE, "other")).job_id == "other"
    assert threads == {"jobgate-reader": 3}
    reader.close()


async def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    reader = reading_thread.Decoder(codec_named("pickle"))
    first, second = (asyncio.ensure_future(reader.result(LARGE, "j")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).job_id == "j"
    reader.close()


async def test_what_cannot_be_read_is_an_error_for_all_and_a_warning_for_nobody() -> None:
    reader = reading_thread.Decoder(codec_named("pickle"))
    outcomes = await asyncio.gather(
        *(reader.result(TOO_LARGE, "j") for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(outcomes[0])] * 3
    assert isinstance(outcomes[0], DecodeError)
    gone = asyncio.ensure_future(reader.result(TOO_LARGE, "j"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await reader.result_or_none(TOO_LARGE, "j") is None
    reader.close()
    gc.collect()


async def test_patience_ends_and_what_nobody_waits_for_is_not_read(
    threads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    counted: Callable[..., Any] = vars(reading_thread)["decode_result"]

    def held(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(30)
        return counted(*args, **kwargs)

    monkeypatch.setattr(reading_thread, "decode_result", held)
    reader = reading_thread.Decoder(codec_named("pickle"))
    first = asyncio.ensure_future(reader.result(LARGE, "first"))
    assert await asyncio.to_thread(begun.wait, 30)
    soon = asyncio.get_running_loop().time()
    with pytest.raises(TooLarge, match="too long"):
        await reader.result(LARGE, "second", until=soon)
    outcomes = await asyncio.gather(
        *(reader.result(LARGE, f"j{number}", until=soon) for number in range(50)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {TooLarge}
    assert await reader.result_or_none(LARGE, "none", until=soon) is None
    go_on.set()
    assert (await first).job_id == "first"
    assert (await reader.result(LARGE, "last")).job_id == "last"
    assert threads["jobgate-reader"] == 2, "the thread reads what it has begun, and the last"
    assert (await reader.result(SMALL, "small", until=soon)).job_id == "small"
    reader.close()
