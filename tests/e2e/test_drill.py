"""A drill before real verifiers: the stolen key is out of use when `revoke` said so, and nobody else is logged out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.place import REGIONS
from tests.e2e.traffic import numbers
from tests.e2e.traffic.drill import LONGEST, drill, of_ms
from tests.e2e.traffic.tables import drill_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.node,
    pytest.mark.nginx,
    pytest.mark.caddy,
    pytest.mark.envoy,
    pytest.mark.apache,
    pytest.mark.openbao,
]

ANSWER = timedelta(seconds=10)
"""More than the command itself takes on a busy machine, until the last region's signers were told."""


def test_a_stolen_key(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    run = drill(tmp_path)
    record_property("counts", drill_table(run))

    assert run.lost() == ()
    assert run.report.failures == ()
    assert run.told["done"] is True
    assert {end["region"] for end in run.told["regions"]} == set(REGIONS)
    assert run.phases == ("revoked", "active", "published")

    refresh = timedelta(seconds=float(numbers.POLICY["signer_refresh"].removesuffix("ms")) / 1000)
    assert run.signed_until() < ANSWER + refresh
    for region, signer in run.report.signers.items():
        assert signer["kid"] != run.stolen, region
        assert signer["refused"] == 0, region

    for row in run.report.rows:
        forged, until = row.forged, run.until(row.region, row.kind)
        assert forged.accepted, f"{row.kind} in {row.region} never believed the thief"
        assert forged.last_accepted is not None
        if row.kind in LONGEST:
            continue
        assert until is not None
        assert of_ms(forged.last_accepted) <= until, row
        # The thief was still trying.
        assert forged.last_rejected is not None
        assert of_ms(forged.last_rejected) > until, row
    assert run.until(REGIONS[1], "openbao") is None
    assert "our-openbao" in {one["verifier"] for one in run.told["restart"]}
    assert run.believed == ()
