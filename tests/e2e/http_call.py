"""A plain HTTP call that answers whatever the status is and never uses a proxy."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Any, Final

from attrs import frozen

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT: Final = 30  # seconds


@frozen(kw_only=True)
class Answer:
    """What came back; `headers` finds names in any case."""

    status: int
    headers: Message
    content: bytes

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.content)


def call(
    url: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
) -> Answer:
    """GET, or POST when there is a body, which goes out as JSON unless it is bytes.

    Raises OSError when nobody answers.
    """
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as response:
            return Answer(status=response.status, headers=response.headers, content=response.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(status=refused.code, headers=refused.headers, content=refused.read())
