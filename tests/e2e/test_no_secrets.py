"""Everything that a whole life says and writes is searched for private keys and the passphrase."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.place import ISSUER, PASSPHRASE, REGIONS, Place, file_config
from tests.e2e.secrets import Secrets
from tests.fakes.clock import FakeClock

DAY = timedelta(days=1)
OTHER_PASSPHRASE = "another-passphrase-1784-entirely"
LINES = (
    "plan",
    "plan --json",
    "plan --out saved.plan",
    "show saved.plan",
    "show saved.plan --json",
    "apply --yes --json",
    "apply --yes",
    "verify --junit report.xml",
    "verify --json",
    "status",
    "status --json",
    "history",
    "history --json",
    "audit --verify",
    "audit --json",
    "config check",
    "config show",
    "state show",
    "state export",
    "state export export.json",
)
TOKEN_LINES = (f"token {ISSUER} --region us-east-1",)
WRONG_LINES = (
    "apply saved.plan",
    "apply",
    "plan --at yesterday",
    f"token {ISSUER} --region nowhere",
    f"token {ISSUER} --region us-east-1 --lifetime 900d",
    "state import saved.plan --yes",
    f"hold {ISSUER}",
)


class Life:
    """A place whose every word is kept."""

    def __init__(self, place: Place, clock: FakeClock) -> None:
        self.place, self.clock = place, clock
        self.said: dict[str, bytes] = {}
        self.secrets = Secrets()
        self._known: set[Path] = set()

    def run(self, line: str) -> None:
        words = [str(self.place.folder / w) if "." in w else w for w in line.split()]
        for options in (("--verbose",), ("--verbose", "--log-format", "json")):
            ran = self.place.run(*words, *options)
            number = len(self.said)
            self.said[f"{number}: {line} {options} stdout"] = ran.out.encode()
            self.said[f"{number}: {line} {options} stderr"] = ran.err.encode()

    def day(self, days: float = 0) -> None:
        """Time passes; then every command there is. Keys that may be destroyed are looked at before."""
        self.clock.advance(days * DAY)
        for line in LINES:
            self.collect()
            self.run(line)
        self.collect()
        for line in (*TOKEN_LINES, *WRONG_LINES):
            self.run(line)

    def collect(self) -> None:
        """Learn the private keys there are."""
        for path in self.place.folder.rglob("*.pem"):
            if path not in self._known:
                self._known.add(path)
                self.secrets.add_pem(path, PASSPHRASE.encode())

    def written(self) -> Iterator[tuple[str, bytes]]:
        """Every file there is, but the key files themselves."""
        for path in self.place.folder.rglob("*"):
            if path.is_file() and path.suffix != ".pem":
                yield str(path), path.read_bytes()


@pytest.fixture(params=["ES256", "EdDSA", "RS256"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Life:
    clock = FakeClock()
    environ = {"ROTATOR_KEY_PASSPHRASE": PASSPHRASE, "TZ": "UTC"}
    place = Place(
        tmp_path / "place", file_config(algorithm=request.param, rsa_bits=2048), clock, environ
    )
    life = Life(place, clock)
    life.secrets.add_text("passphrase", PASSPHRASE)
    life.secrets.add_text("wrong passphrase", OTHER_PASSPHRASE)
    return life


@pytest.mark.slow
def test_nothing_secret_is_said_or_written(life: Life) -> None:
    life.run(f"hold {ISSUER} --reason freeze")
    life.run(f"release {ISSUER}")
    life.day()
    life.day(91)
    life.day(33)
    assert life.place.phases() == ["removed", "active", "published"]
    whole = dict(life.written())
    with_trouble(life)
    everything = {**life.said, **whole, **{f"{name} later": b for name, b in life.written()}}
    assert len(life.secrets.needles) > 60
    assert {"state.db", "saved.plan", "report.xml", "export.json"} <= {Path(w).name for w in whole}
    assert life.secrets.found_in(everything) == []
    assert any(b"E_KEY_LOCKED" in said for said in life.said.values())
    assert any(b"Traceback" in said for said in life.said.values())


def with_trouble(life: Life) -> None:
    """Errors carry details: a wrong passphrase, an exposed key, a broken one, a region and a state that are damaged."""
    place = life.place
    right = place.environ
    pem = next(iter(place.pems().values()))
    whole = pem.read_bytes()
    for environ in (
        {**right, "ROTATOR_KEY_PASSPHRASE": OTHER_PASSPHRASE},
        {**right, "ROTATOR_KEY_PASSPHRASE_FILE": str(place.folder / "nowhere")},
        {"ROTATOR_KEY_PASSPHRASE": ""},
        {},
    ):
        place.environ = environ
        every_token(life)
    place.environ = right
    for content, mode in ((whole, 0o644), (whole[:200], 0o600), (b"junk", 0o600)):
        pem.write_bytes(content)
        pem.chmod(mode)
        every_token(life)
    pem.write_bytes(whole)
    document = place.folder / f"regions/{REGIONS[0]}/{ISSUER}/jwks.json"
    document.write_bytes(document.read_bytes()[:50])
    for line in ("verify", "plan", "apply --yes", "status --check"):
        life.run(line)
    place.state_file.write_bytes(b"not a database")
    for line in ("plan", "status", "apply --yes", *TOKEN_LINES):
        life.run(line)


def every_token(life: Life) -> None:
    for key in life.place.history():
        life.run(f"token {ISSUER} --region us-east-1 --kid={key['kid']}")
    life.run(TOKEN_LINES[0])


def test_the_search_finds_what_was_planted(life: Life) -> None:
    """The control: each secret, in each form, at the end of other text."""
    life.place.ok("apply", "--yes")
    life.collect()
    (pem, *_) = life.place.pems().values()
    planted = Secrets()
    planted.add_pem(pem, PASSPHRASE.encode())
    planted.add_text("passphrase", PASSPHRASE)
    assert planted.needles.keys() <= life.secrets.needles.keys()
    for needle, name in planted.needles.items():
        assert life.secrets.found_in({"log": b"2026-01-01 info " + needle + b"\n"}), name
    inside = base64.b64encode(b"user:" + PASSPHRASE.encode() + b"\n")
    assert life.secrets.found_in({"header": b"Authorization: Basic " + inside})
    assert life.secrets.found_in({"json": json.dumps({"error": PASSPHRASE}).encode()})
    assert life.secrets.found_in({"key": pem.read_bytes()})
    assert not life.secrets.found_in({"clean": life.place.jwks(REGIONS[0]) or b""})
