"""What the commands about plans share: reading a saved one, showing one, headings for it."""

from collections.abc import Iterable
from pathlib import Path

from rotator.app.world import IssuerWorld
from rotator.cli.files import read_bounded
from rotator.domain import plan_json
from rotator.domain.plan import Plan
from rotator.render.text.plan import Heading


def read_plan(path: Path) -> Plan:
    """The plan that a file holds; raises UsageError or PlanDamaged."""
    return plan_json.load(read_bounded(path, plan_json.MAX_BYTES))


def headings(issuers: Iterable[IssuerWorld]) -> dict[str, Heading]:
    """What a plan's title lines say beside the name."""
    return {
        issuer.name: Heading(
            issuer.setup.url, issuer.setup.policy.algorithm.value, len(issuer.setup.regions)
        )
        for issuer in issuers
    }
