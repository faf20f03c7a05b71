"""Real edges and real verifiers in the way of the traffic: rotator's gate costs no token, the naive order costs many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.place import REGIONS
from tests.e2e.traffic.runs import gated, naive
from tests.e2e.traffic.tables import gated_table, naive_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.node,
    pytest.mark.nginx,
    pytest.mark.caddy,
    pytest.mark.envoy,
    pytest.mark.apache,
    pytest.mark.openbao,
]

TOKENS = 100_000
Record = Callable[[str, object], None]
KINDS = {"envoy", "jose", "jwks-rsa", "pyjwt", "mod_auth_openidc", "openbao"}


def test_no_token_is_rejected_while_rotator_rotates(
    tmp_path: Path, record_property: Record
) -> None:
    run = gated(tmp_path, tokens=TOKENS, removals=2, limit_s=240)
    record_property("counts", gated_table(run))

    assert run.report.rejections == ()
    assert run.report.rejected == 0
    assert run.report.tokens >= TOKENS
    assert run.removed >= 2
    assert run.rotated >= 2
    # Nothing else went wrong that would have kept a token from being asked about.
    assert run.report.failures == ()
    assert {
        name: signer["refused"] for name, signer in run.report.signers.items()
    } == dict.fromkeys(REGIONS, 0)
    assert set(run.codes) <= {0, 3}
    # Every verifier met every key.
    assert {row.kind for row in run.report.rows} == KINDS
    for row in run.report.rows:
        assert row.kids.keys() >= set(run.signed_with), row


def test_the_naive_order_costs_tokens_at_every_verifier(
    tmp_path: Path, record_property: Record
) -> None:
    """The control: the same traffic, edges and verifiers, so that they would have noticed."""
    run = naive(tmp_path, rotations=2, every_s=9)
    record_property("counts", naive_table(run))

    assert run.report.failures == ()
    assert run.report.by_kind("rejected").keys() == KINDS
    assert all(run.report.by_kind("rejected").values())
    # Two rotations 9 s apart never both meet Envoy's copy of 6 s just as it expires.
    unlearned = {
        one.region for one in run.report.rejections if one.verifier == "envoy" and run.too_new(one)
    }
    assert unlearned == set(REGIONS)
    assert [one for one in run.report.rejections if not run.too_new(one)], "no key left too early"
