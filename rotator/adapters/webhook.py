"""Notices over HTTP POST: bounded in time and tries, signed where there is a secret, and silent about it in every error."""

import hashlib
import hmac
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from rotator.domain.hosts import is_loopback
from rotator.domain.notice import Notice, Topic
from rotator.errors import NotifyError
from rotator.ports import Clock

TRIES: Final = 3
FIRST_PAUSE: Final = timedelta(seconds=1)
"""Before the second try; twice as long before each further one."""
PATIENCE_S: Final = 5.0
"""How long one try waits for the other side."""
SIGNATURE: Final = "Rotator-Signature"
NOTICE: Final = "Rotator-Notice"
_AGAIN: Final = frozenset({408, 425, 429, *range(500, 600)})
"""Answers after which another try may help."""

Read = Callable[[], str]
"""Looks a URL or a secret up when it is needed; raises NotifyError."""


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """The signature header's value: HMAC-SHA256 over `timestamp.body`, so that neither can be exchanged alone."""
    digest = hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Implements `ports.Notifier`. `url` and `secret` are read for each message, `secret` None signs nothing."""

    name: str
    topics: frozenset[Topic]
    repeat: timedelta
    at_once: int
    body: Callable[[Sequence[Notice]], bytes]
    url: Read
    secret: Read | None
    clock: Clock
    allow_insecure: bool = False
    patience_s: float = PATIENCE_S

    def send(self, notices: Sequence[Notice]) -> None:
        """Post them in one message; only an answer of 2xx counts as told. Raises NotifyError."""
        url, body = self._checked(self.url()), self.body(notices)
        headers = {"Content-Type": "application/json", NOTICE: notices[0].id}
        pause, last = FIRST_PAUSE, ""
        for attempt in range(TRIES):
            if attempt:
                self.clock.sleep(pause)
                pause *= 2
            status, last = _post(url, body, headers | self._signed(body), self.patience_s)
            if status is not None and 200 <= status < 300:
                return
            if status is not None and status not in _AGAIN:
                break
        raise NotifyError("the message is not taken", detail=last)

    def _signed(self, body: bytes) -> dict[str, str]:
        """The signature of one try: its time is that of the try."""
        if self.secret is None:
            return {}
        now = int(self.clock.now().timestamp())
        return {SIGNATURE: signature(self.secret().encode(), now, body)}

    def _checked(self, url: str) -> str:
        """The URL, when it can be posted to without telling everybody on the way. Raises NotifyError."""
        try:
            parts = urlsplit(url)
            scheme, host, _ = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host = "", None
        if host is None or scheme not in ("https", "http"):
            raise NotifyError(f"{self.name} has no URL that can be posted to")
        if scheme == "http" and not (self.allow_insecure or is_loopback(host)):
            raise NotifyError(
                f"{self.name} has an http: URL, which anyone on the way could read and answer",
                hint="use https:, or allow_insecure: true",
            )
        return url


def _post(
    url: str, body: bytes, headers: dict[str, str], patience_s: float
) -> tuple[int | None, str]:
    """One try over a connection of its own: the answer's status and what to say of it; no redirect is followed."""
    try:
        tls = ssl.create_default_context() if url.startswith("https:") else None
        with urllib3.PoolManager(ssl_context=tls) as pool:
            answer = pool.request(
                "POST",
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(patience_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            answer.close()
    except (HTTPError, OSError, ValueError) as error:
        return None, _reason(error)
    return answer.status, f"it answers {answer.status}"


def _reason(error: Exception) -> str:
    """What went wrong, never with the URL, which may be a secret itself."""
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "its host name does not resolve"
        case urllib3.exceptions.SSLError() | ssl.SSLError():
            return "its certificate or TLS is not accepted"
        case urllib3.exceptions.NewConnectionError():  # urllib3 counts it among the timeouts
            return "no connection"
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return "it does not answer in time"
        case _:
            return f"no answer ({type(error).__name__})"
