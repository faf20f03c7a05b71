"""SNTPv4 packets (RFC 5905 §7.3, RFC 4330 §5): the question, and what an answer to it says. No I/O."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rotator.ports import NoAnswer, NtpAnswer

SIZE: Final = 48
"""The header; extension fields and signatures that may follow are not read."""

_HEADER: Final = struct.Struct("!B B b b I I 4s 8s 8s 8s 8s")
_CLIENT: Final = 3
_SERVER: Final = 4
_VERSION: Final = 4
_VERSIONS: Final = (3, 4)  # Windows answers a question of version 4 in version 3
_UNSYNCHRONISED: Final = 3  # leap indicator
_STRATA: Final = range(1, 16)
_SHORT: Final = 1 << 16
_ERA: Final = 1 << 32
_PIVOT: Final = 1 << 31
_BEGIN: Final = datetime(1900, 1, 1, tzinfo=UTC)
_NEVER: Final = bytes(8)
_KISSES: Final = {  # RFC 5905 §7.4
    b"DENY": "it denies access",
    b"RSTR": "it denies access by its configuration",
    b"RATE": "it is asked too often",
    b"INIT": "it has not synchronised yet",
    b"STEP": "its clock was just set",
}


@dataclass(frozen=True, slots=True)
class Stray:
    """A packet that answers another question or none: to be dropped, while the answer may still come."""

    why: str


def question(nonce: bytes) -> bytes:
    """A client's request. The transmit timestamp is eight random bytes: who cannot see them cannot answer."""
    return _HEADER.pack(
        _VERSION << 3 | _CLIENT, 0, 0, 0, 0, 0, bytes(4), _NEVER, _NEVER, _NEVER, nonce
    )


def read_answer(packet: bytes, nonce: bytes, waited: timedelta) -> NtpAnswer | NoAnswer | Stray:
    """What came `waited` after `question(nonce)` was sent. The time is that of its receipt.

    Error bound: half of the way there and back, which may all have been one way, plus a tick of the server's clock and
    its own distance from the truth, half its root delay and its root dispersion (RFC 5905 §11.2 and appendix A.5.5.2).
    """
    if len(packet) < SIZE:
        return Stray(f"a packet of {len(packet)} bytes came, which is too short for an answer")
    first, stratum, _, precision, delay, dispersion, reference, _, origin, received, sent = (
        _HEADER.unpack(packet[:SIZE])
    )
    leap, version, mode = first >> 6, first >> 3 & 7, first & 7
    if mode != _SERVER or version not in _VERSIONS:
        return Stray(
            f"a packet of mode {mode} and version {version} came, which is no server's answer"
        )
    if origin != nonce:
        return Stray("an answer to another question came (its origin timestamp is not ours)")
    if refusal := _refusal(leap, stratum, reference):
        return NoAnswer(refusal)
    if _NEVER in {received, sent}:
        return NoAnswer("the NTP server left out when it received or answered")
    if precision > 0:
        return NoAnswer("the NTP server's clock is coarser than a second")
    tick = timedelta(seconds=2.0**precision)
    way = waited - (_moment(sent) - _moment(received))
    if not -tick <= way <= waited:
        return NoAnswer("the NTP server's timestamps contradict how long its answer took")
    half = max(way, timedelta()) / 2
    return NtpAnswer(_moment(sent) + half, half + tick + _short(delay) / 2 + _short(dispersion))


def _refusal(leap: int, stratum: int, reference: bytes) -> str | None:
    """Why the server does not want to be believed, None when it does."""
    if stratum == 0 and reference.isalnum():
        meaning = _KISSES.get(reference, "a code of its own")
        return f"the NTP server sent a kiss-o'-death: {reference.decode('ascii')}, {meaning}"
    if leap == _UNSYNCHRONISED or stratum not in _STRATA:
        return f"the NTP server says that it is not synchronised (leap {leap}, stratum {stratum})"
    return None


def _moment(timestamp: bytes) -> datetime:
    """Seconds and fractions since 1900; small ones belong to the era from 2036 on (RFC 4330 §3)."""
    seconds, fraction = struct.unpack("!II", timestamp)
    since = seconds if seconds >= _PIVOT else seconds + _ERA
    return _BEGIN + timedelta(seconds=since, microseconds=fraction * 1_000_000 / _ERA)


def _short(value: int) -> timedelta:
    """NTP's short format: 16 bits of seconds, 16 of fractions."""
    return timedelta(seconds=value / _SHORT)
