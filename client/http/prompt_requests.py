"""Requests that the gateway answers at once."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from jobgate.client.http.connection import ASK_THE_JOB, Exchange, ProblemAnswer, Request, Response, unexpected
from jobgate.client.time_budget import TimeBudget

#: Seconds that a gateway may take: it waits for Redis for up to 5 s.
SLACK: Final = 10.0


class PromptRequests:
    """Sends requests that need no wait.

    Args:
        exchange: Sends them.
        retry_for: Seconds for which each is retried.
    """

    def __init__(self, exchange: Exchange, *, retry_for: float) -> None:
        self._exchange = exchange
        self._retry_for = retry_for

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        if_in_doubt: str = ASK_THE_JOB,
    ) -> Response:
        """Return the response, whatever its status. Arguments are those of `Request`."""
        request = Request(
            method=method,
            path=path,
            body=body,
            headers=headers or {},
            timeout=SLACK,
            budget=TimeBudget(self._retry_for),
            retry_for=self._retry_for,
            if_in_doubt=if_in_doubt,
        )
        return await self._exchange.send(request)

    async def get(self, path: str, query: Mapping[str, str | bool | int] | None = None) -> Response:
        """Return the good response to a GET; raise the error for any other one."""
        texts = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in (query or {}).items()
        }
        return good(await self.send("GET", f"{path}?{urlencode(texts)}" if texts else path))


def good(response: Response) -> Response:
    """Return a response 200 or 202, and raise the error for any other one."""
    if response.status in {200, 202}:
        return response
    if response.status < 400:
        raise unexpected(response)
    raise ProblemAnswer.of(response).error()
