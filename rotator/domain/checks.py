"""What looks at a region from outside, as configured (contract §2); what each look comes to is `evidence.Check`."""

from dataclasses import dataclass
from typing import ClassVar

SAMPLES = 2
"""How often a public URL is asked in one look when nothing else is said: two edges may hide behind one address."""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A public URL of the JWKS. `resolve` pins the addresses to ask; else all that its name has."""

    kind: ClassVar[str] = "http"
    url: str
    resolve: tuple[str, ...] = ()
    samples: int = SAMPLES


@dataclass(frozen=True, slots=True)
class VerifierCheck:
    """Health documents of running verifiers; each URL's name may have many addresses, or answer with an index of URLs.

    `covers` names the configured verifiers that they speak for (none: all). `allow_insecure` lets an index list http:
    URLs that are not loopback.
    """

    kind: ClassVar[str] = "verifier"
    urls: tuple[str, ...]
    covers: tuple[str, ...] = ()
    allow_insecure: bool = False


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """A clock to compare with: the `Date` of `url` (None: of the region's own answers), and an NTP server (`host[:port]`)."""

    kind: ClassVar[str] = "clock"
    url: str | None = None
    ntp: str | None = None


@dataclass(frozen=True, slots=True)
class CanaryCheck:
    """An endpoint of the region that accepts a token signed with a published key, as a bearer token, with any 2xx."""

    kind: ClassVar[str] = "canary"
    url: str


CheckSpec = HttpCheck | VerifierCheck | ClockCheck | CanaryCheck
