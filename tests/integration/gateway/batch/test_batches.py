"""`POST /jobs`: arrays and streams of jobs, each answered by itself, in order."""

import asyncio
import io
import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.forms import LONG
from harness.http.line_streams import NDJSON, line, line_stream
from harness.processes.commands import Processes
from harness.systems.gateways import PlayedWorker, RunningGateway, functions_known, running_gateway
from harness.tools import require_tool
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway import new_key

NDJSON_HEADER = {"Content-Type": NDJSON}
MIB = 1024 * 1024


def ids(redis_url: str, queue: str = "arq:queue") -> set[str]:
    """Return the jobs of a queue; each has a body."""
    with redis.Redis.from_url(redis_url) as client:
        found = {one.decode() for one in client.zrange(queue, 0, -1)}
        assert all(client.exists(f"arq:job:{job_id}") for job_id in found)
        return found


def gist(result: dict[str, Any]) -> Any:
    """What matters of a result: the status, and the job's id or the problem's code."""
    if "job" in result:
        return result["status"], result["job"]["job_id"]
    return result["status"], result["problem"]["code"]


async def lines(gateway: RunningGateway, *sent: str | bytes, **headers: str) -> list[dict[str, Any]]:
    """Post lines at once; return the results."""
    body = b"\n".join(one.encode() if isinstance(one, str) else one for one in sent)
    options = {"data": io.BytesIO(body), "headers": {**NDJSON_HEADER, **headers}}
    status, answer, got = await gateway.ask("POST", "/jobs", **options)
    assert (status, got["Content-Type"]) == (200, NDJSON)
    return [json.loads(one) for one in answer.splitlines()]


async def array(gateway: RunningGateway, jobs: list[Any]) -> list[dict[str, Any]]:
    """Post an array; return the results."""
    status, answer, _ = await gateway.post("/jobs", {"jobs": jobs})
    assert status == 200
    results: list[dict[str, Any]] = answer["results"]
    return results


#: Jobs of a batch, and the gist of their results.
JOBS: list[tuple[Any, Any]] = [
    ({"function": "add", "job_id": "a", "args": [1, 2]}, (202, "a")),
    ({"function": "add", "job_id": "b", "queue": "mail"}, (202, "b")),
    ({"function": "add", "job_id": "a"}, (409, "job-exists")),
    ({"function": "add", "job_id": "a b"}, (422, "invalid-request")),
    ({"function": "add", "jobid": "c"}, (422, "invalid-request")),
    ({"function": "add", "defer_by": -1}, (422, "invalid-request")),
    ({"function": "add", "idempotency_key": " k"}, (422, "invalid-request")),
    ({"function": "add", "idempotency_key": 1}, (422, "invalid-request")),
    ({"function": "1"}, (422, "invalid-request")),
    ({"function": 1}, (422, "invalid-request")),
    ({"args": []}, (422, "invalid-request")),
    ([], (422, "invalid-request")),
    (None, (422, "invalid-request")),
    ({"function": "add", "job_id": "d", "idempotency_key": "k"}, (202, "d")),
    ({"function": "add", "job_id": "d", "idempotency_key": "k"}, (202, "d")),
    ({"function": "add", "args": [9], "idempotency_key": "k"}, (422, "idempotency-key-reused")),
    ({"function": "add", "job_id": "e", "idempotency_key": None}, (202, "e")),
]


async def test_each_job_of_an_array_has_its_own_result_in_order(
    gateway: RunningGateway, redis_url: str
) -> None:
    status, answer, headers = await gateway.post("/jobs", {"jobs": [job for job, _ in JOBS]})
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert [gist(result) for result in answer["results"]] == [wanted for _, wanted in JOBS]
    assert [result.get("replayed") for result in answer["results"]].count(True) == 1
    assert ids(redis_url) == {"a", "d", "e"}
    assert ids(redis_url, "mail") == {"b"}
    problem = answer["results"][4]["problem"]
    assert problem["instance"] == headers["X-Request-ID"]
    assert problem["errors"][0]["pointer"] == "#/jobid"
    assert answer["results"][2]["problem"]["job"]["job_id"] == "a"


async def test_each_line_has_its_own_result_in_order(gateway: RunningGateway, redis_url: str) -> None:
    found = await lines(gateway, *(json.dumps(job) for job, _ in JOBS))
    assert [gist(result) for result in found] == [wanted for _, wanted in JOBS]
    assert ids(redis_url) == {"a", "d", "e"}


async def test_a_bad_line_costs_that_line(gateway: RunningGateway, redis_url: str) -> None:
    cases: list[tuple[str | bytes, Any]] = [
        (line(job_id="a"), (202, "a")),
        ('{"function":"add"', (400, "malformed-json")),
        (b'{"function":"\xff"}', (400, "malformed-json")),
        ('{"function":"add","args":[NaN]}', (400, "malformed-json")),
        ('{"function":"add","function":"sub"}', (422, "invalid-json")),
        ('{"function":"add","args":[18446744073709551616]}', (422, "invalid-json")),
        ('{"function":"add","args":' + "[" * 70 + "]" * 70 + "}", (422, "invalid-json")),
        ("[" * 100_000, (422, "invalid-json")),
        (line(args=["x" * 2 * MIB]), (413, "body-too-large")),
        (line(job_id="b", args=["x" * (MIB - 100)]), (202, "b")),
        ("\r", None),
        ("", None),
        (line(job_id="c") + "\r", (202, "c")),
        (line(job_id="d"), (202, "d")),
    ]
    found = await lines(gateway, *(sent for sent, _ in cases))
    assert [gist(result) for result in found] == [wanted for _, wanted in cases if wanted]
    assert ids(redis_url) == {"a", "b", "c", "d"}


async def test_what_cannot_be_stored_exactly_costs_its_job(gateway: RunningGateway, redis_url: str) -> None:
    cases: list[tuple[str, Any]] = [
        (line(job_id="a", args=[']},{\\"']), (202, "a")),
        ('{"function":"add","args":[18446744073709551616]}', (422, "invalid-json")),
        ('{"function":"add","function":"sub"}', (422, "invalid-json")),
        ('{"function":"add","args":' + "[" * 70 + "]" * 70 + "}", (422, "invalid-json")),
        (line(job_id="b", args=["18446744073709551616"]), (202, "b")),
    ]
    body = f' {{ "jobs" : [{" , ".join(sent for sent, _ in cases)} ]\n}} '
    headers = {"Content-Type": "application/json"}
    status, answer, _ = await gateway.ask("POST", "/jobs", data=body.encode(), headers=headers)
    assert status == 200
    assert [gist(result) for result in answer["results"]] == [wanted for _, wanted in cases]
    assert ids(redis_url) == {"a", "b"}


TOO_LARGE = b"18446744073709551616"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"jobs":[%b,]}' % TOO_LARGE, 400),
        (b'{"jobs":[%b,{]}' % TOO_LARGE, 400),
        (b'{"jobs":[%b],"jobs":[]}' % TOO_LARGE, 422),
        (b'{"jobs":%b}' % TOO_LARGE, 422),
        (b'{"jobs":[%b]}' % b",".join([TOO_LARGE] * 1001), 422),
        (b'{"jobs":[%b]}' % b",".join([b"[]"] * 60_000), 422),
    ],
)
async def test_an_array_that_cannot_be_taken_apart_is_refused(
    gateway: RunningGateway, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await gateway.ask("POST", "/jobs", data=body, headers=headers))[0] == status


async def test_the_refusal_of_another_media_type_names_both(gateway: RunningGateway) -> None:
    headers = {"Content-Type": "text/csv"}
    _, problem, _ = await gateway.ask("POST", "/jobs", data=b"a", headers=headers)
    wanted = f"Send the body as application/json, or {NDJSON} with a job in each line."
    assert problem["detail"] == wanted
    _, problem, _ = await gateway.ask("POST", "/jobs/add", data=b"a", headers=headers)
    assert problem["detail"] == "Send the body as application/json."


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 200),
        (b'{"jobs":[]}', {"Prefer": "wait=5"}, 200),
        (b'{"jobs":[{"function":"f"}]}', {"Idempotency-Key": "k"}, 422),
        (b"[]", {}, 422),
        (b'{"jobs":{}}', {}, 422),
        (b'{"jobs":[],"queue":"x"}', {}, 422),
        (b"{}", {}, 422),
        (b'{"jobs":[', {}, 400),
        (b"{}", {"Content-Type": "text/csv"}, 415),
        (b"{}", {"Content-Type": f"{NDJSON}; charset=utf-16"}, 415),
        (b"{}", {**NDJSON_HEADER, "Content-Encoding": "gzip"}, 415),
        (b"{}", {**NDJSON_HEADER, "Idempotency-Key": "k"}, 422),
        (b"x" * (MIB + 1), {}, 413),
    ],
)
async def test_what_concerns_the_whole_batch(
    gateway: RunningGateway, redis_url: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    json_header = {"Content-Type": "application/json"}
    answer = await gateway.ask("POST", "/jobs", data=io.BytesIO(body), headers=json_header | headers)
    assert answer[0] == status
    if status == 200:
        assert answer[1] == {"results": []}
    assert ids(redis_url) == set()


async def test_lines_without_their_media_type_are_refused_with_a_hint(gateway: RunningGateway) -> None:
    body = "\n".join([line(job_id="a"), line(job_id="b")])
    headers = {"Content-Type": "application/json"}
    status, problem, _ = await gateway.ask("POST", "/jobs", data=body.encode(), headers=headers)
    assert (status, problem["code"]) == (400, "malformed-json")
    assert problem["detail"].endswith("For a job in each line, send it as application/x-ndjson.")


async def test_a_batch_takes_no_wait(gateway: RunningGateway) -> None:
    status, problem, _ = await gateway.post("/jobs?wait=1", {"jobs": []})
    assert (status, problem["errors"][0]["pointer"]) == (422, "?")


async def test_an_array_has_at_most_a_thousand_jobs_and_lines_have_no_limit(
    gateway: RunningGateway, redis_url: str
) -> None:
    jobs = [{"function": "add", "job_id": f"j{number}"} for number in range(1001)]
    status, problem, _ = await gateway.post("/jobs", {"jobs": jobs})
    assert (status, problem["errors"][0]["pointer"]) == (422, "#/jobs")
    assert ids(redis_url) == set()
    status, answer, _ = await gateway.post("/jobs", {"jobs": jobs[:1000]})
    assert [gist(result) for result in answer["results"]] == [(202, job["job_id"]) for job in jobs[:1000]]
    found = await lines(gateway, *map(json.dumps, jobs[::-1]))
    assert [gist(result) for result in found] == [(202, "j1000"), *[(409, "job-exists")] * 1000]


async def test_functions_arguments_and_scopes_are_checked_for_each_job(
    redis_url: str, worker: PlayedWorker, tmp_path: Path
) -> None:
    key, entry = new_key("mail", ("enqueue:send_*", "enqueue:sent"))
    (tmp_path / "keys.toml").write_text(entry)
    headers = {"Authorization": f"Bearer {key}"}
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        await worker.announce()
        gateway.session.headers.update(headers)
        jobs = [{"function": name} for name in ("send_invoice", "add", "sent", "send_invoices", "add")]

        async def all_known() -> list[Any]:
            _, answer, _ = await gateway.post("/jobs", {"jobs": jobs})
            return [gist(one)[1] if one["status"] >= 400 else 202 for one in answer["results"]]

        while (found := await all_known())[2] == 202:
            await asyncio.sleep(0.01)
        assert found == [202, "forbidden", "unknown-function", "unknown-function", "forbidden"]
        assert (await gateway.post("/jobs", {"jobs": jobs}, headers={"Authorization": "Bearer x"}))[0] == 401


async def test_a_function_is_looked_for_in_the_queue_of_its_own_job(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await PlayedWorker(worker.broker, "sent", name="mailer", queue="mail").announce()
    await worker.announce()
    await functions_known(gateway)
    jobs = [{"function": "add"}, {"function": "add", "queue": "mail"}, {"function": "sent", "queue": "mail"}]

    async def refused() -> bool:
        return (await gateway.post("/jobs/add", {"queue": "mail"}))[0] == 404

    await eventually_async(refused, what="the gateway knows what the other queue's worker offers")
    found = [gist(one)[1] if one["status"] >= 400 else 202 for one in await array(gateway, jobs)]
    assert found == [202, "unknown-function", 202]


async def test_names_of_queues_stand_in_results_as_they_are(redis_url: str) -> None:
    queues = ("100%", "%s%b%%", '"mail"')
    async with running_gateway(redis_url, queues=queues) as gateway:
        found = await array(gateway, [{"function": "add", "queue": queue} for queue in queues])
    assert [one["job"]["queue"] for one in found] == list(queues)


async def test_a_key_that_is_revoked_ends_its_stream_of_lines(redis_url: str, tmp_path: Path) -> None:
    (key, entry), (_, other) = new_key("mail", ("enqueue:*",)), new_key("other", ("read",))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    header = f"Authorization: Bearer {key}"
    async with (
        running_gateway(redis_url, keys_file=path) as gateway,
        line_stream(gateway.port, header) as stream,
    ):
        await stream.send(line(job_id="a"))
        assert gist(await stream.result()) == (202, "a")
        path.write_text(other)

        async def revoked() -> bool:
            answer = await gateway.post("/jobs", {"jobs": []}, headers=dict([header.split(": ")]))
            return answer[0] == 401

        await eventually_async(revoked, what="the gateway has read the keys again")
        await stream.send(line(job_id="b"))
        (_, last) = await stream.rest()
    assert (gist(last), last["problem"]["next_line"]) == ((401, "unauthorized"), 2)
    assert ids(redis_url) == {"a"}


async def test_a_line_is_answered_before_the_next_one_is_sent(
    gateway: RunningGateway, redis_url: str
) -> None:
    async with line_stream(gateway.port) as stream:
        for number in range(3):
            await stream.send(line(job_id=f"j{number}"))
            assert gist(await stream.result()) == (202, f"j{number}")
            assert f"j{number}" in ids(redis_url)
        await stream.send_raw(b"1b\r\n" + b'{"function":"add","job_id":' + b"\r\n")
        await stream.send_raw(b'4\r\n"x"}\r\n')
        await stream.finish()
        assert [gist(one) for one in await stream.rest()][3:] == [(202, "x")]
        # The connection can be used for another request.
        await stream.send_raw(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"alive" in await stream.closed()


async def test_a_client_that_is_cut_off_knows_from_the_answer_what_exists(
    gateway: RunningGateway, redis_url: str
) -> None:
    sent = [line(job_id=f"j{number}", args=["x" * 200]) for number in range(1000)]
    async with line_stream(gateway.port) as stream:
        await stream.send(*sent[:300])
        answered = [gist(await stream.result()) for _ in range(100)]
        await stream.send(*sent[300:])
        await stream.send_raw(b'50\r\n{"function":"add","job_id":"half"')
        stream.cut()
    found = ids(redis_url)
    assert {job_id for _, job_id in answered} <= found <= {f"j{number}" for number in range(1000)}
    # Whoever sends all again, with the same ids, makes no job twice.
    again = await lines(gateway, *sent)
    assert {one["status"] for one in again} <= {202, 409}
    assert ids(redis_url) == {f"j{number}" for number in range(1000)}


async def test_an_idempotency_key_means_the_same_as_in_a_single_request(
    gateway: RunningGateway, redis_url: str
) -> None:
    status, job, _ = await gateway.post("/jobs/add", {"args": [1]}, headers={"Idempotency-Key": "k"})
    assert status == 202
    first, second = await lines(gateway, line(args=[1], idempotency_key="k"), line(idempotency_key="n"))
    assert (first["replayed"], first["job"]) == (True, job)
    headers = {"Idempotency-Key": "n"}
    status, replayed, got = await gateway.post("/jobs/add", {}, headers=headers)
    assert (status, replayed, got["Idempotent-Replayed"]) == (202, second["job"], "true")
    assert len(ids(redis_url)) == 2


async def test_equal_batches_at_three_gateways_make_each_job_once(redis_url: str) -> None:
    keys = range(1000 if LONG else 100)
    jobs = [{"function": "add", "args": [number], "idempotency_key": f"k{number}"} for number in keys]
    async with (
        running_gateway(redis_url) as one,
        running_gateway(redis_url) as two,
        running_gateway(redis_url) as three,
    ):
        found = await asyncio.gather(
            *(array(gateway, jobs) for gateway in (one, two, three, one, two, three)),
            *(lines(gateway, *map(json.dumps, jobs)) for gateway in (one, two, three, one)),
        )
    assert {one["status"] for results in found for one in results} == {202}
    assert sum(not one.get("replayed") for results in found for one in results) == len(jobs)
    made = {tuple(one["job"]["job_id"] for one in results) for results in found}
    assert len(made) == 1
    assert ids(redis_url) == set(*made)


@pytest.mark.parametrize("way", [array, lines], ids=["array", "lines"])
async def test_others_have_their_turn_while_many_jobs_are_refused(redis_url: str, way: Any) -> None:
    names = [f"module.function_{number}" for number in range(500)]
    async with Broker(redis_url) as broker, running_gateway(redis_url) as gateway:
        await PlayedWorker(broker, *names).announce()
        await functions_known(gateway)
        turns: list[float] = []

        async def others() -> None:
            while True:
                turns.append(time.thread_time())
                await asyncio.sleep(0)

        working = asyncio.create_task(others())
        jobs = [{"function": f"modul.funktion_{number}"} for number in range(100)]
        found = await way(gateway, *([jobs] if way is array else map(json.dumps, jobs)))
        working.cancel()
    assert {gist(one) for one in found} == {(404, "unknown-function")}
    # In processor time, which a loaded machine does not lengthen; in less than 1 ms nothing was looked for.
    between = [after - before for before, after in itertools.pairwise(turns) if after - before > 0.001]
    assert max(between) < sum(between) / 3


@pytest.mark.parametrize("way", [array, lines])
async def test_few_batches_are_in_hand_at_the_same_time(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    """The jobs of hundreds would take gigabytes, and none of them would be answered before the last one."""
    enqueue_many, in_hand = Broker.enqueue_many, Counter[str]()

    async def counted(self: Broker, requests: Any) -> Any:
        in_hand["now"] += 1
        in_hand["most"] = max(in_hand["most"], in_hand["now"])
        try:
            return await enqueue_many(self, requests)
        finally:
            in_hand["now"] -= 1

    monkeypatch.setattr(Broker, "enqueue_many", counted)
    job = {"function": "add", "args": [1, 2]}
    send = (
        (lambda: way(gateway, [job] * 50))
        if way is array
        else (lambda: way(gateway, *[json.dumps(job)] * 50))
    )
    sending = [asyncio.create_task(send()) for _ in range(40)]
    sending[7].cancel()  # gives its turn to others, wherever it is
    found = await asyncio.gather(*sending, return_exceptions=True)
    assert [len(results) for results in found if isinstance(results, list)] == [50] * 39
    assert 1 <= in_hand["most"] <= 4


async def test_metrics_count_the_jobs_of_a_batch(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await worker.announce()
    await functions_known(gateway)
    await gateway.post("/jobs", {"jobs": [{"function": "add"}] * 7})
    text = (await gateway.get("/metrics"))[1].decode()
    assert 'jobgate_gateway_enqueued_total{function="add"} 7.0' in text
    assert 'jobgate_gateway_requests_total{route="enqueue_many",status="200"} 1.0' in text


@pytest.mark.parametrize("way", ["stdin", "file"])
def test_curl_sends_lines_and_reads_results(
    processes: Processes, redis_url: str, tmp_path: Path, way: str
) -> None:
    gateway = processes.gateway(redis_url)
    # With more than a megabyte, curl expects 100-continue before it sends a file.
    sent = [line(job_id=f"j{number}", args=["x" * 1000]) for number in range(1500)]
    (tmp_path / "jobs.ndjson").write_text("\n".join(sent))
    body = {"stdin": "-T - -X POST", "file": f"--data-binary @{tmp_path}/jobs.ndjson"}[way]
    words = f"{body} -sS --fail -H Content-Type:{NDJSON} -H Expect:100-continue {gateway.url}/jobs"
    command = f"{require_tool('curl')} {words} < {tmp_path}/jobs.ndjson"
    curl = processes.start("-c", command, program=require_tool("sh"))
    assert curl.wait() == 0, curl.log
    assert [gist(json.loads(one)) for one in curl.log.splitlines()] == [
        (202, f"j{number}") for number in range(1500)
    ]
    assert len(ids(redis_url)) == 1500


NODE = """
const sent = Array.from({length: 3000}, (_, n) => JSON.stringify({function: "add", job_id: `j${n}`}) + "\\n");
const body = new ReadableStream({
  pull(controller) {
    if (sent.length) controller.enqueue(new TextEncoder().encode(sent.splice(0, 7).join("")));
    else controller.close();
  },
});
const headers = {"Content-Type": "application/x-ndjson"};
const answer = await fetch(process.argv[2] + "/jobs", {method: "POST", headers, body, duplex: "half"});
let text = "";
for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) text += chunk;
const results = text.trim().split("\\n").map(JSON.parse);
const isRight = results.every((one, n) => one.status == 202 && one.job.job_id == `j${n}`);
console.log(answer.status, results.length, isRight);
"""


def test_node_streams_lines(processes: Processes, redis_url: str, tmp_path: Path) -> None:
    gateway = processes.gateway(redis_url)
    (tmp_path / "batch.mjs").write_text(NODE)
    node = processes.start(str(tmp_path / "batch.mjs"), gateway.url, program=require_tool("node"))
    assert node.wait() == 0, node.log
    assert node.log == "200 3000 true\n"
    assert len(ids(redis_url)) == 3000
