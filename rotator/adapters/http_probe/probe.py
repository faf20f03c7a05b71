"""Looks over HTTP(S)."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rotator.adapters.http_probe.destination import destination
from rotator.adapters.http_probe.look import Look
from rotator.adapters.http_probe.sockets import Trust
from rotator.adapters.http_probe.words import printable, reason
from rotator.names import Limit, is_address, places
from rotator.ports import HttpAnswer, NoAnswer

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""`b64token` of RFC 6750 §2.1: nothing else can be sent as one."""


@dataclass(frozen=True)
class HttpProbe:
    """Implements `ports.Probe`. `patience` bounds each wait for the other side, `deadline` the whole look.

    Looks share nothing but the authorities that they believe, so any number may be taken at once.
    """

    patience: timedelta = timedelta(seconds=5)
    deadline: timedelta = timedelta(seconds=10)
    _trust: Trust = field(default_factory=Trust, repr=False, compare=False)

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        """Every address of the URL's host; never raises."""
        try:
            to = destination(url)
            if is_address(to.host):
                return (to.host,)
            found = places(to.host, to.port, self._limit())
        except TimeoutError:
            return NoAnswer(
                f"the host name did not resolve within {self.deadline.total_seconds():g} s"
            )
        except OSError as error:
            return NoAnswer(reason(error))
        except ValueError as error:
            return _no_url(error)
        return tuple(dict.fromkeys(place.host for place in found))

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        """One look; never raises, whatever the other side does."""
        try:
            to = destination(url)
        except ValueError as error:
            return _no_url(error)
        if address is not None and not is_address(address):
            return NoAnswer(f"not an address that can be asked: {printable(address)}")
        if token is not None and not _TOKEN.fullmatch(token):
            return NoAnswer("the token cannot be sent: it has characters that no bearer token has")
        try:
            tls = self._trust.context() if to.tls else None
        except OSError as error:  # the authorities cannot be read
            return NoAnswer(reason(error))
        return Look(to, address or to.host, token, tls, self.deadline, self._limit()).take()

    def _limit(self) -> Limit:
        return Limit.of(self.patience.total_seconds(), self.deadline.total_seconds())


def _no_url(error: ValueError) -> NoAnswer:
    return NoAnswer(f"not a URL that can be asked: {printable(str(error))}")
