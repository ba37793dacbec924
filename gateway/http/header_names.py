"""Names of headers that are looked up for each request, in the form that takes half the time."""

from typing import Final

from aiohttp import hdrs
from multidict import istr

AUTHORIZATION: Final = hdrs.AUTHORIZATION
CONTENT_ENCODING: Final = hdrs.CONTENT_ENCODING
CONTENT_TYPE: Final = hdrs.CONTENT_TYPE
HOST: Final = hdrs.HOST
IDEMPOTENCY_KEY: Final = istr("Idempotency-Key")
ORIGIN: Final = hdrs.ORIGIN
PREFER: Final = istr("Prefer")
REQUEST_ID: Final = istr("X-Request-ID")
SEC_FETCH_SITE: Final = istr("Sec-Fetch-Site")
