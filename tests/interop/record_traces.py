"""Record what each version of stock arq sends: `python tests/interop/record_traces.py`, from the root.

Needs the environments of `make test`. Run it when a version is added or arq_story.py changes; the diff of
traces/ tells what arq does otherwise.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.arq.traces import TRACES, recorded, tell, written
from harness.arq.versions import ARQ_VERSIONS, arq_program
from harness.servers.redis_server import RedisServer
from harness.tools import valkey_binary


def main() -> None:
    """Write one file for each version."""
    TRACES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(valkey_binary(), Path(folder)).start()
        for version in ARQ_VERSIONS:
            story = tell(arq_program(version=version), "arq", server.url)
            (TRACES / f"{version}.json").write_text(written(recorded(story)))
        server.kill()


if __name__ == "__main__":
    main()
