"""Bad requests of all kinds, as bytes, and what is wrong with an answer to one."""

import asyncio
import gzip
import itertools
import json
import zlib
from typing import Any


async def raw(port: int, *parts: bytes, timeout: float = 20.0) -> bytes:
    """Send bytes on a connection of their own; return all that comes until it is closed or idle."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(timeout):
            while chunk := await reader.read(65536):
                received += chunk
                if b"\r\n\r\n" in received and (_is_whole(received) or parts[0].startswith(b"HEAD ")):
                    break
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return received


def _is_whole(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].partition(b":")[2])


def request(
    body: bytes = b"", *headers: str, line: str = "POST /jobs/f HTTP/1.1", host: str = "localhost"
) -> bytes:
    lines = [line, f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _bad_json() -> list[bytes]:
    bodies = [
        *(b"{", b"}", b"[", b"nul", b"NaN", b"[NaN]", b"-Infinity", b"1e999", b"01", b"+1", b"[1,]", b"{,}"),
        *(
            b'{"args":}',
            b"{'args':[]}",
            b'{"args":[]}}',
            b"\xef\xbb\xbf{}",
            b'"\xff\xfe"',
            b'"\\ud800"',
            b"\x00",
        ),
        *("{}".encode("utf-16"), "{}".encode("utf-32"), b'{"a":1 "b":2}', b"//x\n{}", b"undefined", b"\r\n"),
        *(b"args=1&kwargs=2", b"<x/>", b"--boundary\r\n", b"[" * 2000, b'{"args":' * 2000, b'"' * 999),
        *(b'{"args":[1],"args":[2]}', b'{"kwargs":{"a":1,"\\u0061":2}}', b'{"args":[18446744073709551616]}'),
        *(b'{"args":[-9223372036854775809]}', b'{"args":[' + b"9" * 400 + b"]}", b"[" * 65 + b"]" * 65),
        *(b'{"args":' + b"[" * 255 + b"]" * 255 + b"}", b'{"args":[' + b"1," * 150_000 + b"1]}"),
    ]
    return [request(body, "Content-Type: application/json") for body in bodies]


def _bad_shapes() -> list[bytes]:
    documents: list[Any] = [
        *(
            [],
            1,
            "x",
            True,
            None,
            {"args": {}},
            {"kwargs": []},
            {"args": None},
            {"kwargs": 1},
            {"x": 1},
            {"": 1},
        ),
        *(
            {"_job_id": "x"},
            {"owner": "x"},
            {"job_try": 1},
            {"job_id": ""},
            {"job_id": "a b"},
            {"job_id": "a:b"},
            {"job_id": "."},
            {"job_id": ".."},
        ),
        *({"job_id": "{a}"}, {"job_id": "a\r\nb"}, {"job_id": 1}, {"job_id": "x" * 129}, {"job_id": "*"}),
        *({"queue": "arq:abort"}, {"queue": "arq:job"}, {"queue": "a}b{c"}, {"queue": ""}, {"queue": 5}),
        *({"queue": "arq:queue:wake"}, {"queue": "a b"}, {"queue": "x" * 200}, {"defer_by": -1}),
        *(
            {"defer_by": "1"},
            {"defer_by": 1e300},
            {"defer_by": True},
            {"defer_until": "now"},
            {"defer_until": 1},
        ),
        *({"defer_until": "2030-01-01"}, {"defer_until": "2030-01-01T00:00:00"}, {"defer_until": "+9999"}),
        *(
            {"defer_by": 1, "defer_until": "2030-01-01T00:00:00Z"},
            {"expires": 0},
            {"expires": -1},
            {"timeout": 0},
        ),
        *({"timeout": []}, {"max_tries": 0}, {"max_tries": -5}, {"max_tries": 1.5}, {"max_tries": "3"}),
        *({"max_tries": 10**12}, {"keep_result": -1}, {"keep_result": {}}, {"keep_result": 1e18}),
    ]
    return [
        request(json.dumps(document).encode(), "Content-Type: application/json") for document in documents
    ]


def _bad_targets() -> list[bytes]:
    gets = [
        *(
            "/jobs?limit=0",
            "/jobs?cursor=q99999999999999999999",
            "/jobs/",
            "/jobs//status",
            "/jobs/a/b",
            "/jobs/a/status/",
            "/livez/",
            "/favicon.ico",
            "/.env",
        ),
        *(
            "/jobs/a%20b/status",
            "/jobs/%2F..%2F/status",
            "/jobs/%0d%0aX:1/status",
            "/jobs/a%00/result",
            "/jobs/f",
        ),
        *("/jobs/%7Ba%7D/result", "/jobs/%FF/status", "/jobs/" + "x" * 200 + "/status", "/jobs/a:b/status"),
        *(
            "/jobs/a/status?wait=x",
            "/jobs/a/status?wait=-1",
            "/jobs/a/status?wait=1&wait=2",
            "/jobs/a/result?x=1",
        ),
        *(
            "/jobs/a/result?wait=",
            "/jobs/a/result?wait=1e",
            "/jobs/a/result?wait=%D9%A3",
            "/jobs/a/result?&&&",
        ),
        *(
            "/jobs/nobody/status",
            "/jobs/nobody/result",
            "/jobs/nobody/result?wait=0",
            "//jobs/f",
            "/jobs/../livez",
        ),
        *(
            "/JOBS/f",
            "/jobs/a/abort",
            "/%6Aobs/f",
            "/jobs/a/status?" + "a=1&" * 50,
            "/jobs/a/status?wait=%ZZ",
        ),
    ]
    posts = [
        "/jobs/1f",
        "/jobs/f%20f",
        "/jobs/%EF%BD%86",
        "/jobs/" + "f" * 129,
        "/jobs/f%0a",
        "/jobs/f?wait=no",
        "/livez",
    ]
    posts += [
        "/jobs/nobody/abort",
        "/jobs/a%2Fb/abort",
        "/jobs/f/status",
        "/jobs/__class__%00",
        "/jobs/os;system",
    ]
    others = [
        f"{method} /jobs/f"
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "BREW", "get")
    ]
    lines = [*(f"GET {path}" for path in gets), *(f"POST {path}" for path in posts), *others]
    return [request(line=f"{line} HTTP/1.1") for line in lines]


def _bad_headers() -> list[bytes]:
    body = b"{}"
    types = [
        *(
            "text/plain",
            "text/html",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonx",
        ),
        *(
            "application/json; charset=utf-16",
            "application/json;charset=latin-1",
            "*/*",
            "json",
            ";",
            "application",
        ),
    ]
    codings = ["gzip", "deflate", "br", "zstd", "foo", "gzip, gzip", "identity, gzip", "x-gzip"]
    packed = [gzip.compress(b"{}"), zlib.compress(b"{}"), b"\x1f\x8bgarbage"]
    return [
        *(request(body, f"Content-Type: {kind}") for kind in types),
        *(request(body, *typed(f"Content-Encoding: {coding}")) for coding in codings),
        *(request(data, *typed("Content-Encoding: gzip")) for data in packed),
        *(
            request(body, *typed(f"Origin: {origin}"))
            for origin in ("https://evil.example", "null", "http://localhost:1")
        ),
        *(request(body, *typed(f"Sec-Fetch-Site: {site}")) for site in ("cross-site", "same-site")),
        *(request(body, "Content-Type: application/x-www-form-urlencoded", "Origin: https://evil.example"),),
        *(
            request(body, *typed(), host=host)
            for host in ("evil.example", "evil.example:80", "[2001:db8::1]", "a b")
        ),
        *(
            request(body, *typed(), host=host)
            for host in ("127.0.0.1.evil.example", "", "10.0.0.1", "localhost.")
        ),
        request(body, *typed("Idempotency-Key: " + "x" * 300)),
        request(body, *typed("Idempotency-Key: ")),
        request(body, *typed("Expect: 200-ok"), line="POST /jobs/f HTTP/1.1").replace(
            b"Content-Length: 2", b"Content-Length: 9"
        ),
        request(b"", *typed("Content-Length: 99999999")),
        request(b"x" * (1024 * 1024 + 1), *typed()),
    ]


def typed(*headers: str) -> list[str]:
    return ["Content-Type: application/json", *headers]


def _no_http() -> list[bytes]:
    line = b"POST /jobs/f HTTP/1.1\r\nHost: localhost\r\n"
    return [
        *(
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"hello\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /livez\r\n\r\n",
            b"\x00" * 64,
        ),
        *(
            b"GET /livez HTTP/9.9\r\n\r\n",
            b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
            b"GET  /livez  HTTP/1.1\r\n\r\n",
        ),
        *(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /livez HTTP/1.1\r\n\r\n",
            b"SSH-2.0-x\r\n\r\n",
            b"\r\n\r\nX\r\n\r\n",
        ),
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX Y: b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        line + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        line + b"Content-Length: -1\r\n\r\n",
        line + b"Content-Length: 0x2\r\n\r\n{}",
        line + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        line + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        line + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}X\r\n0\r\n\r\n",
        line + b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n1\r\n{\r\n0\r\n\r\n",
        line + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        line + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n".replace("\r", "").encode() + b"\rX: y\n\n",
    ]


BAD = list(itertools.chain(_bad_json(), _bad_shapes(), _bad_targets(), _bad_headers(), _no_http()))


def why_unexpected(sent: bytes, answer: bytes) -> str | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505")):
        return "not a 4xx"
    lacking = [line.decode() for line in ALWAYS if line not in head.lower() + b"\r\n"]
    if lacking:
        return f"lacks {lacking}"
    if sent.startswith(b"HEAD "):
        return None if not body else "a body for HEAD"
    return _why_no_problem(int(head.split(b" ")[1]), head, json.loads(body))


ALWAYS = (
    b"content-type: application/problem+json\r\n",
    b"cache-control: no-store\r\n",
    b"x-content-type-options: nosniff\r\n",
    b"server: jobgate\r\n",
    b"x-request-id: ",
)


def _why_no_problem(status: int, head: bytes, document: dict[str, Any]) -> str | None:
    members = {"type", "title", "detail", "instance", "code", "retryable"}
    if document["status"] != status or not members <= set(document):
        return "no problem document"
    request_id = document["instance"]
    if not request_id or f"\r\nX-Request-ID: {request_id}\r\n".encode() not in head + b"\r\n":
        return "no X-Request-ID, or another one than in the document"
    return "405 without Allow" if status == 405 and b"\r\nAllow: " not in head else None
