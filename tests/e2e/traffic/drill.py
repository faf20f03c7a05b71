"""A drill: a key is stolen while all regions sign with it, and `revoke` is typed; the same edges, verifiers and traffic."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.e2e.place import URL, Place, moment
from tests.e2e.traffic import numbers
from tests.e2e.traffic.driver import Report
from tests.e2e.traffic.runs import at_work
from tests.servers.verifiers import AUDIENCE, Verifier
from tests.servers.verifiers.asking import accepted

POLICY: Final[dict[str, Any]] = {**numbers.POLICY, "standby_keys": 1, "rotate_every": "1h"}
PATIENCE_S: Final = 90.0
"""For the standby to become warm: its lead is W + ε, and W is 0.6 + 3 + 6 + 2 + 3 s."""
THEFT_S: Final = 3.0
"""How long the thief is about before anybody notices."""
AFTERWARDS_S: Final = 3.0
NAMES: Final = {
    "envoy": "edge-envoy",
    "jose": "our-jose",
    "jwks-rsa": "our-jwks-rsa",
    "pyjwt": "our-pyjwt",
    "mod_auth_openidc": "our-apache",
    "openbao": "our-openbao",
}
"""What the policy calls each kind of verifier."""
LONGEST: Final = {"mod_auth_openidc", "openbao"}
"""Those that keep a key for minutes, or until they are restarted."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What came of it: the stolen key, what `revoke --json` printed, when it was typed, and the traffic.

    `believed` are the verifiers that accepted a forged token after they were restarted.
    """

    stolen: str
    told: dict[str, Any]
    typed_at: datetime
    report: Report
    phases: tuple[str, ...]
    believed: tuple[str, ...]

    def lost(self) -> tuple[str, ...]:
        """Refusals of tokens of any other key, which nothing excuses."""
        return tuple(
            f"{one.verifier} in {one.region}: {one.kid}: {one.why}"
            for one in self.report.rejections
            if one.kid != self.stolen
        )

    def until(self, region: str, kind: str) -> datetime | None:
        """The moment until which that verifier was said to believe the key, None where none was named."""
        (found,) = (
            one["until"]
            for one in self.told["exposure"]
            if (one["region"], one["verifier"]) == (region, NAMES[kind])
        )
        return moment(found) if found else None

    def signed_until(self) -> timedelta:
        """How long after the command was typed some region's signer last used the stolen key."""
        last = max(signer["last"][self.stolen] for signer in self.report.signers.values())
        return of_ms(last) - self.typed_at


def of_ms(milliseconds: float) -> datetime:
    """A moment as the traffic program counts it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def drill(folder: Path) -> Drill:
    """Traffic, a theft, `revoke`, and traffic until every moment that it named is over."""
    with at_work(folder, POLICY) as (place, driver, longest):
        _wait_for_standby(place)
        kid, pem = _steal(place)
        driver.steal(kid, pem)
        time.sleep(THEFT_S)
        typed_at = datetime.now(UTC)
        told = _revoke(place, kid)
        _go_on(place, _last_moment(told) + timedelta(seconds=AFTERWARDS_S))
        report = driver.finish()
        believed = tuple(v.kind for v in longest if _believes(v, kid, pem))
        return Drill(kid, told, typed_at, report, tuple(place.phases()), believed)


def _wait_for_standby(place: Place) -> None:
    """Run until `revoke` would not have to wait for anything."""
    kid = _active(place)
    until = time.monotonic() + PATIENCE_S
    while not place.json("revoke", kid, "--dry-run")["ready"]:
        assert time.monotonic() < until, place.run("status").out
        place.run("apply", "--yes")
        time.sleep(1)


def _active(place: Place) -> str:
    (kid,) = (key["kid"] for key in place.history() if key["phase"] == "active")
    return str(kid)


def _steal(place: Place) -> tuple[str, str]:
    """The active key's kid, and its private half as a thief has it who was on the host."""
    kid = _active(place)
    (key,) = (key for key in place.history() if key["kid"] == kid)
    passphrase = (place.folder / ".rotator" / "keys" / "passphrase").read_bytes().strip()
    opened = load_pem_private_key(place.pems()[str(key["generation"])].read_bytes(), passphrase)
    pem = opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return kid, pem.decode()


def _revoke(place: Place, kid: str) -> dict[str, Any]:
    ran = place.run("revoke", kid, "--yes", "--reason", "drill: laptop stolen", "--json")
    assert ran.code == 0, ran
    told: dict[str, Any] = json.loads(ran.out)
    return told


def _last_moment(told: dict[str, Any]) -> datetime:
    """The last moment that was named for a verifier which is not kept waiting for here."""
    longest = {NAMES[kind] for kind in LONGEST}
    return max(moment(one["until"]) for one in told["exposure"] if one["verifier"] not in longest)


def _go_on(place: Place, until: datetime) -> None:
    """The daily runs, which find nothing undone."""
    while datetime.now(UTC) < until:
        assert place.run("apply", "--yes").code in {0, 3}
        time.sleep(1)


def _believes(verifier: Verifier, kid: str, pem: str) -> bool:
    """Whether it accepts a forged token once it is restarted."""
    assert verifier.restart is not None
    verifier.restart()
    now = int(time.time())
    claims = {"iss": URL, "aud": AUDIENCE, "sub": AUDIENCE, "iat": now, "exp": now + 60}
    token = jwt.encode({"alg": "ES256", "kid": kid}, claims, ECKey.import_key(pem))
    return accepted(verifier, token)
