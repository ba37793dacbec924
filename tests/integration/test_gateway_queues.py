"""Which queue a request goes to, what is said where nobody serves it, and which queues the metrics show."""

import urllib.request

from harness.gateways import PlayedWorker, running_gateway
from harness.processes import Processes
from jobgate.broker import Broker


async def test_requests_that_name_no_queue_go_to_the_default_one(redis_url: str) -> None:
    async with (
        running_gateway(redis_url, default_queue="mail") as gateway,
        Broker(redis_url) as broker,
    ):
        worker = PlayedWorker(broker, "add", queue="mail")
        status, job, _ = await gateway.post("/jobs/add", {"args": [1]})
        assert (status, job["queue"]) == (202, "mail")
        await worker.run_one(7)
        assert (await gateway.get(f"/jobs/{job['job_id']}/result?wait=20"))[1]["result"] == 7
        await gateway.post("/jobs/add", {"job_id": "next"})
        assert (await gateway.get("/jobs/next/status"))[1]["queue"] == "mail"
        assert [each["job_id"] for each in (await gateway.get("/jobs"))[1]["jobs"]] == ["next"]


def test_the_default_queue_is_an_option(processes: Processes, redis_url: str) -> None:
    process = processes.gateway(redis_url, "--default-queue", "mail")
    with urllib.request.urlopen(f"{process.url}/metrics") as answer:
        text = answer.read().decode()
    assert 'queue_depth{queue="mail"' in text
    assert "arq:queue" not in text
