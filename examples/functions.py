"""Example functions that do real work.

They read any file and fetch any URL that the worker can reach. That is fine on a developer's machine.
Restrict them before you let strangers call them.
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

#: A job's id, try, progress reporter and so on, and what `on_startup` added.
Context = dict[str, Any]

#: Largest body that `fetch` reads, in bytes.
FETCH_LIMIT = 32 * 1024 * 1024
#: Bytes that `hash_file` reads at a time. The job can be aborted between two slices.
SLICE = 1024 * 1024

#: `wc` counts non-breaking spaces as separators and ignores control characters.
_WC_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys([*range(9), *range(0x0E, 0x20), *range(0x7F, 0xA0)]),
    **dict.fromkeys([0x00A0, 0x2007, 0x202F, 0x2060], " "),
}


async def noop(ctx: Context) -> None:
    """Do nothing: for measurements."""


async def fetch(ctx: Context, url: str) -> dict[str, Any]:
    """Fetch a URL and measure it.

    Args:
        ctx: The job's context.
        url: `http://…` or `https://…`.

    Returns:
        `status`, the size of the body in `bytes`, and the duration in `seconds`.

    Raises:
        ValueError: The URL is not HTTP or HTTPS, or the body has more than 32 MiB.
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

    Bytes that are not UTF-8, and control characters, neither start nor end a word. GNU coreutils up to 9.4
    does the same; later versions count a word that consists only of such bytes.
    """
    return await asyncio.to_thread(_count_words, path)


def _count_words(path: str) -> int:
    with Path(path).open(encoding="utf-8", errors="ignore", newline="\n") as lines:
        return sum(len(line.translate(_WC_CHARACTERS).split()) for line in lines)


async def thumbnail(ctx: Context, path: str, width: int = 128, folder: str | None = None) -> dict[str, Any]:
    """Write a small copy of a picture, in the same format.

    Args:
        ctx: The job's context.
        path: The picture.
        width: Width of the copy, in pixels. The aspect ratio is kept, and a small picture is not enlarged.
        folder: Folder of the copy; by default that of the picture.

    Returns:
        The copy's `path`, `width` and `height`.
    """
    if width < 1:
        raise ValueError("a thumbnail must be at least one pixel wide")
    return await asyncio.to_thread(_thumbnail, Path(path), width, None if folder is None else Path(folder))


def _thumbnail(path: Path, width: int, folder: Path | None) -> dict[str, Any]:
    try:
        # Imported here because the other examples work without it.
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
    """Hash a file of any size in slices, and report progress after each slice.

    Args:
        ctx: The job's context.
        path: The file.
        algorithm: An algorithm that `hashlib` always has and whose digest has a fixed length.

    Returns:
        The digest in hex.
    """
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise ValueError("unknown algorithm: use sha256, sha512, blake2b or the like")
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
    """Write a report slowly, one line every tenth of a second. The job can be aborted at any time.

    Returns:
        The number of `lines`, and the duration in `seconds`.
    """
    start = monotonic()
    lines = ceil(seconds * 10)
    for line in range(1, lines + 1):
        due = start + min(line / 10, seconds)
        await asyncio.sleep(max(0.0, due - monotonic()))
        await ctx["progress"](line / lines, f"line {line} of {lines}")
    return {"lines": lines, "seconds": monotonic() - start}


async def flaky(ctx: Context, n: int) -> int:
    """Ask for a retry until try `n`, then return the number of the try."""
    if ctx["job_try"] < n:
        raise Retry(defer=0.1)
    return int(ctx["job_try"])
