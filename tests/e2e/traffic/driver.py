"""The program that signs and checks in all regions, and what it counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tests.e2e.place import URL
from tests.e2e.traffic import numbers
from tests.e2e.traffic.regions import Verifiers
from tests.servers.process import ServerProcess, wait_until
from tests.servers.s3rver import NODE_MODULES
from tests.servers.verifiers import AUDIENCE

_PROGRAM: Final = NODE_MODULES.parent / "traffic" / "main.mjs"
AGAIN_EVERY: Final = 8
"""One token in so many is checked again shortly before it dies: a key that left too early is noticed by those."""
AGAIN_AFTER_S: Final = numbers.TOKEN_S - 2.0


@dataclass(frozen=True, slots=True)
class Forged:
    """What a verifier made of a thief's tokens, and when it last did; milliseconds since 1970, None for never."""

    accepted: int
    rejected: int
    last_accepted: int | None
    last_rejected: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """What one verifier did. `tokens` are new ones, `answers` count those checked again too.

    `kids` says how many tokens of each key it accepted. `failed` are requests without a verdict, `late` tokens that ran
    out before one came, `dropped` those that were never asked about; `forged` ones count nowhere else.
    """

    region: str
    kind: str
    tokens: int
    answers: int
    rejected: int
    failed: int
    late: int
    dropped: int
    worst_ms: int
    kids: Mapping[str, int]
    forged: Forged


@dataclass(frozen=True, slots=True)
class Rejection:
    """A living token that was refused: `at` in milliseconds since 1970, `old` when it had been accepted before."""

    at: int
    verifier: str
    region: str
    kid: str
    origin: str
    age_ms: int
    old: bool
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was counted until a moment; `elapsed_s` since the beginning of the traffic.

    `rejections` are told at the end only.
    """

    elapsed_s: float
    rows: tuple[Row, ...]
    rejections: tuple[Rejection, ...]
    failures: tuple[str, ...]
    signers: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, line: str) -> Self:
        """From a line of the program."""
        document = json.loads(line)
        rows, rejections, failures, signers = [], [], [], {}
        for region, told in document["regions"].items():
            signers[region] = told["signs"]
            for each in told["verifiers"]:
                kind = each["kind"]
                failures += [f"{kind} in {region}: {why}" for why in each.pop("failures")]
                rejections += [
                    Rejection(verifier=kind, region=region, **one) for one in each.pop("rejections")
                ]
                each.pop("accepted")
                each["forged"] = Forged(**each["forged"])
                rows.append(Row(region=region, **each))
        rejections.sort(key=lambda one: one.at)
        return cls(document["elapsed_s"], tuple(rows), tuple(rejections), tuple(failures), signers)

    @property
    def tokens(self) -> int:
        """How many tokens some verifier answered about."""
        return sum(row.tokens for row in self.rows)

    @property
    def answers(self) -> int:
        """How many answers verifiers gave."""
        return sum(row.answers for row in self.rows)

    @property
    def rejected(self) -> int:
        """How many answers were a no."""
        return sum(row.rejected for row in self.rows)

    def by_kind(self, what: str) -> Counter[str]:
        """A column of the rows summed up by kind of verifier."""
        found: Counter[str] = Counter()
        for row in self.rows:
            found[row.kind] += getattr(row, what)
        return found


class Driver:
    """Traffic at `rate` tokens a second in all regions together; a context manager that stops it."""

    def __init__(
        self,
        folder: Path,
        base: Path,
        signing: Mapping[str, Path],
        verifiers: Verifiers,
        rate: float,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stolen = folder / "stolen.json"
        regions = [
            {
                "name": name,
                "signing": str(path),
                "base": str(base),
                "passphrase": str(base / ".rotator" / "keys" / "passphrase"),
                "rate": rate / len(signing),
                "stolen": str(self._stolen),
                "again_every": AGAIN_EVERY,
                "again_after_s": AGAIN_AFTER_S,
                "verifiers": verifiers.specs[name],
            }
            for name, path in signing.items()
        ]
        file = folder / "traffic.json"
        file.write_text(json.dumps({"issuer": URL, "audience": AUDIENCE, "regions": regions}))
        self.process = ServerProcess(["node", _PROGRAM, file], log=folder / "traffic.log")

    def __enter__(self) -> Self:
        self.process.start(lambda: bool(self._lines()))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    def steal(self, kid: str, pem: str) -> None:
        """From now on a thief in every region signs with that private half too (ES256, PKCS#8 without a passphrase)."""
        told = self._stolen.with_suffix(".new")
        told.write_text(json.dumps({"kid": kid, "alg": "ES256", "pem": pem}))
        told.replace(self._stolen)

    def so_far(self) -> Report:
        """The counts of about a second ago."""
        assert self.process.running, self.process.log_tail()
        return Report.read(self._lines()[-1])

    def finish(self) -> Report:
        """Sign no more, let every verifier answer, and count for the last time."""
        self.process.ask_to_end()
        wait_until(lambda: not self.process.running, timeout_s=30, what="the end of the traffic")
        line = self._lines()[-1]
        assert json.loads(line)["last"], self.process.log_tail()
        return Report.read(line)

    def _lines(self) -> list[str]:
        # The last line may be half written.
        whole, _, _ = self.process.log.read_text().rpartition("\n")
        return [line for line in whole.splitlines() if line.startswith("{")]
