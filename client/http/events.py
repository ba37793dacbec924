"""What the events of a gateway say."""

from jobgate.client.http.connection import ProblemAnswer, Response, described, job_info, time_in
from jobgate.client.http.event_parser import ServerEvent
from jobgate.client.info import JobEvent, JobEventKind, QueueEvent, QueueEventKind
from jobgate.client.values import checked

_JSON = {"Content-Type": "application/json"}
_PROBLEM = {"Content-Type": "application/problem+json"}


def job_event(arrived: ServerEvent) -> JobEvent | None:
    """Return an event of a job's stream; None for kinds that this client does not know yet.

    Raises:
        JobNotFound: The event says that the job is gone.
        UnexpectedAnswer: It is not jobgate's.
    """
    data = Response(200, _JSON, arrived.data.encode())
    if arrived.kind == "gone":
        status = data.document().get("status")
        raise ProblemAnswer.of(
            Response(status if isinstance(status, int) else 404, _PROBLEM, data.body)
        ).error()
    if arrived.kind not in set(JobEventKind):
        return None
    return JobEvent(kind=JobEventKind(arrived.kind), job=job_info(data))


def queue_event(arrived: ServerEvent) -> QueueEvent | None:
    """Return an event of the stream of everything; None and errors as for `job_event`."""
    if arrived.kind not in set(QueueEventKind):
        return None
    kind, data = QueueEventKind(arrived.kind), Response(200, _JSON, arrived.data.encode())
    with described(data) as said:
        if kind is QueueEventKind.GAP:
            return checked(QueueEvent(kind=kind, missed=said.get("missed")))
        event = QueueEvent(
            kind=kind,
            job_id=said["job_id"],
            queue=said["queue"],
            function=said["function"],
            time=time_in(said, "time"),
            success=said["success"],
        )
        return checked(event)
