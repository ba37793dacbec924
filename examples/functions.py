"""Functions that do real work.

They read any file, and fetch any URL, that the worker's user may reach: fine on a developer's machine, to be
narrowed before strangers may call them.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from jobgate.worker import Retry

#: What a job knows of itself: its id, its try, how to report progress, whatever the worker's start put there.
Context = dict[str, Any]

#: Bytes that `fetch` reads at most.
FETCH_LIMIT = 32 * 1024 * 1024
#: Bytes that `hash_file` reads at a time; between two slices the job can be aborted.
SLICE = 1024 * 1024

#: For `wc`, spaces that do not break lines separate words too, and control characters are nothing.
_WC_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys([*range(9), *range(0x0E, 0x20), *range(0x7F, 0xA0)]),
    **dict.fromkeys([0x00A0, 0x2007, 0x202F, 0x2060], " "),
}


async def noop(ctx: Context) -> None:
    """Do nothing, to measure everything else."""


async def fetch(ctx: Context, url: str) -> dict[str, Any]:
    """Fetch a URL and measure it.

    Args:
        ctx: The job's context.
        url: `http://…` or `https://…`.

    Returns:
        `status`, the number of `bytes` of the body and the `seconds` that it took.

    Raises:
        ValueError: Another kind of URL, or a body of more than 32 MiB.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("only http and https URLs are fetched")
    start = monotonic()
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > FETCH_LIMIT:
                raise ValueError(f"the body has more than {FETCH_LIMIT} bytes")
        return {"status": response.status, "bytes": size, "seconds": monotonic() - start}


async def count_words(ctx: Context, path: str) -> int:
    """Count the words of a text file as `wc -w` does in a UTF-8 locale.

    Bytes that are no UTF-8, and control characters, neither make a word nor end one (as in GNU coreutils
    up to 9.4; later ones count a word of nothing but such bytes).
    """
    return await asyncio.to_thread(_count_words, path)


def _count_words(path: str) -> int:
    with Path(path).open(encoding="utf-8", errors="ignore", newline="\n") as lines:
        return sum(len(line.translate(_WC_CHARACTERS).split()) for line in lines)


async def thumbnail(ctx: Context, path: str, width: int = 128, folder: str | None = None) -> dict[str, Any]:
    """Make a small copy of a picture, in the same format.

    Args:
        ctx: The job's context.
        path: The picture.
        width: Of the copy, in pixels; the height follows, and nothing is enlarged.
        folder: Where to put the copy; by default beside the picture.

    Returns:
        The copy's `path`, `width` and `height`.
    """
    if width < 1:
        raise ValueError("a thumbnail is one pixel wide at least")
    return await asyncio.to_thread(_thumbnail, Path(path), width, None if folder is None else Path(folder))


def _thumbnail(path: Path, width: int, folder: Path | None) -> dict[str, Any]:
    try:
        # Only here: the other examples work without it.
        from PIL import Image  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeError(
            "thumbnail needs Pillow in the worker's environment: pip install pillow"
        ) from error
    target = (folder or path.parent) / f"{path.stem}-{width}{path.suffix}"
    with Image.open(path) as picture:
        picture.thumbnail((width, max(1, picture.height)))
        picture.save(target)
        return {"path": str(target), "width": picture.width, "height": picture.height}


async def hash_file(ctx: Context, path: str, algorithm: str = "sha256") -> str:
    """Hash a file of any size in slices, and report how far it is after each.

    Args:
        ctx: The job's context.
        path: The file.
        algorithm: One that `hashlib` always has and whose digest has one length.

    Returns:
        The digest in hex.
    """
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise ValueError("unknown algorithm: take sha256, sha512, blake2b or the like")
    digest = hashlib.new(algorithm)
    size = await asyncio.to_thread(_size, path)
    slices = _slices(path)
    done = 0
    while (part := await asyncio.to_thread(next, slices, b"")) != b"":
        await asyncio.to_thread(digest.update, part)
        done += len(part)
        await ctx["progress"](done / max(size, done), f"{done:,} of {size:,} bytes")
    return digest.hexdigest()


def _size(path: str) -> int:
    return Path(path).stat().st_size


def _slices(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        while part := file.read(SLICE):
            yield part


async def slow_report(ctx: Context, seconds: float) -> dict[str, Any]:
    """Write a report slowly, a line each tenth of a second; can be aborted at any moment.

    Returns:
        The number of `lines` and the `seconds` that they took.
    """
    start = monotonic()
    lines = ceil(seconds * 10)
    for line in range(1, lines + 1):
        due = start + min(line / 10, seconds)
        await asyncio.sleep(max(0.0, due - monotonic()))
        await ctx["progress"](line / lines, f"line {line} of {lines}")
    return {"lines": lines, "seconds": monotonic() - start}


async def flaky(ctx: Context, n: int) -> int:
    """Fail until the try number `n`, then return the number of the try that succeeded."""
    if ctx["job_try"] < n:
        raise Retry(defer=0.1)
    return int(ctx["job_try"])
