"""Run by stock arq's Python: answers with arq's own `next_cron`, one process for all cases.

Standard input: a JSON list of [zone name, unix seconds of the previous time, fields of the timetable], where
lists stand for sets. Standard output: a JSON list of [unix seconds, the same as text by the wall clock].
"""

import json
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from arq.cron import next_cron


def answer(zone: str, previous: float, fields: dict[str, Any]) -> tuple[float, str]:
    """Return arq's answer for one case."""
    given = {name: set(value) if isinstance(value, list) else value for name, value in fields.items()}
    found = next_cron(datetime.fromtimestamp(previous, ZoneInfo(zone)), **given)
    return found.timestamp(), found.replace(tzinfo=None).isoformat()


if __name__ == "__main__":
    json.dump([answer(*case) for case in json.load(sys.stdin)], sys.stdout)
