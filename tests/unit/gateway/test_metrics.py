"""Counts, and the labels that they may have."""

from jobgate.broker import (
    QueueDepth,
)
from jobgate.gateway.metrics import Meter


def test_metrics_count_and_bound_their_labels() -> None:
    meter = Meter()
    meter.request("enqueue", 202, 0.0005)
    meter.request("enqueue", 202, 0.002)
    meter.request("result", 200, 100.0)
    for number in range(1000):
        meter.enqueued(f"made_up_{number}", frozenset({"known"}), "arq:queue")
    meter.enqueued("known", frozenset({"known"}), "arq:queue")
    depth = QueueDepth(
        queue="arq:queue",
        queued=3,
        deferred=2,
        in_progress=1,
        oldest_due_age=1.5,
        workers=4,
        has_health_line=True,
        is_paused=True,
    )
    text = meter.exposition([depth], waits=7, streams=8).decode()
    for line in (
        'jobgate_gateway_requests_total{route="enqueue",status="202"} 2.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="0.001",route="enqueue"} 1.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="0.0025",route="enqueue"} 2.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="60.0",route="result"} 0.0',
        'jobgate_gateway_request_duration_seconds_bucket{le="+Inf",route="result"} 1.0',
        'jobgate_gateway_request_duration_seconds_sum{route="result"} 100.0',
        'jobgate_gateway_enqueued_total{function="other"} 1000.0',
        'jobgate_gateway_enqueued_total{function="known"} 1.0',
        "jobgate_gateway_waits_in_flight 7.0",
        "jobgate_gateway_event_streams 8.0",
        "jobgate_gateway_redis_up 1.0",
        'jobgate_gateway_queue_depth{queue="arq:queue",state="deferred"} 2.0',
        'jobgate_gateway_oldest_due_age_seconds{queue="arq:queue"} 1.5',
        'jobgate_gateway_live_workers{queue="arq:queue"} 4.0',
        'jobgate_gateway_health_line{queue="arq:queue"} 1.0',
        'jobgate_gateway_queue_paused{queue="arq:queue"} 1.0',
    ):
        assert line in text.splitlines()
    assert "made_up" not in text


def test_metrics_without_redis() -> None:
    text = Meter().exposition(None, waits=0, streams=0).decode()
    assert "jobgate_gateway_redis_up 0.0" in text
    assert "queue=" not in text
