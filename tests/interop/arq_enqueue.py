"""Enqueue jobs as a stock arq client: `arq_enqueue.py URL '[[function, [args], {options}], …]'`."""

import asyncio
import json
import sys

from arq import create_pool
from arq.connections import RedisSettings


async def main() -> None:
    pool = await create_pool(RedisSettings.from_dsn(sys.argv[1]))
    for function, args, options in json.loads(sys.argv[2]):
        await pool.enqueue_job(function, *args, **options)
    await pool.close()


asyncio.run(main())
