"""The ceiling of a gateway: an aiohttp handler that parses the same body and does nothing with it.

python -m benchmarks.programs.bare PORT
"""

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web


async def enqueue(request: web.Request) -> web.Response:
    """Parse the body and answer as the gateway does, in size and status."""
    body = orjson.loads(await request.read())
    answer = {"job_id": "0" * 32, "function": request.match_info["function"], "args": len(body["args"])}
    return web.Response(body=orjson.dumps(answer), status=202, content_type="application/json")


async def serve(port: int) -> None:
    """Serve until killed."""
    app = web.Application(client_max_size=2**22)
    app.add_routes([web.post("/jobs/{function}", enqueue), web.get("/livez", _live)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_port=True).start()
    await asyncio.Event().wait()


async def _live(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
