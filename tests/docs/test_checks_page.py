"""The documents that `docs/checks.md` shows are those that rotator reads and makes."""

import json
import re
from datetime import UTC, datetime

from rotator.domain.canary import CANARY_TYPE, canary_claims
from rotator.domain.verifier_health import VerifierIndex, VerifierReport, parse_verifier
from tests.docs.pages import ROOT

BLOCKS = re.findall(r"```json\n(.*?)```", (ROOT / "docs/checks.md").read_text("utf-8"), re.DOTALL)


def shown(word: str) -> str:
    """The one block that has this word in it."""
    (block,) = [block for block in BLOCKS if word in block]
    return str(block)


def test_a_report_and_an_index() -> None:
    report = parse_verifier(shown('"rotator.verifier/1"').encode())
    assert isinstance(report, VerifierReport)
    (copy,) = report.copies
    assert (len(copy.kids), report.clock.synchronised) == (2, True)
    index = parse_verifier(shown('"rotator.verifiers/1"').encode())
    assert isinstance(index, VerifierIndex)
    assert len(index.urls) == 2


def test_a_canary() -> None:
    header, claims = map(json.loads, shown('"jti"').splitlines())
    assert header["typ"] == CANARY_TYPE
    now = datetime.fromtimestamp(claims["iat"], UTC)
    assert canary_claims(claims["iss"], now, claims["jti"]) == claims
