"""What verifiers, clocks and canary endpoints answer: whether the checks that a switch will need work at all."""

from collections.abc import Iterator
from functools import partial

from rotator.app.canary import look_with_canary
from rotator.app.clock_looks import look_at_clock
from rotator.app.verifiers import look_at_verifiers
from rotator.app.world import IssuerWorld, World
from rotator.domain.checks import CanaryCheck, CheckSpec, ClockCheck, HttpCheck, VerifierCheck
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.evidence import Check, Verdict
from rotator.domain.state import IssuerState
from rotator.planning.judging import expected_at
from rotator.ports import Examination

_LOOK = "docs/checks.md says what each answer means; rotator verify looks again · runbooks/gate-stays-closed.md"


def of_witnesses(
    world: World, issuer: IssuerWorld, state: IssuerState | None
) -> Iterator[Examination]:
    """Each check of an issuer's regions but those of public URLs."""
    for region, ports in issuer.regions.items():
        for spec in ports.checks:
            if not isinstance(spec, HttpCheck):
                look = partial(_look, world, issuer, state, region, spec)
                yield Examination(
                    Area.WITNESSES, Place(issuer.name, region), f"a {spec.kind} check", look
                )


def _look(
    world: World, issuer: IssuerWorld, state: IssuerState | None, region: str, spec: CheckSpec
) -> Iterator[Diagnosis]:
    for check in _checks(world, issuer, state or IssuerState(issuer=issuer.name), region, spec):
        yield _judged(check, Place(issuer.name, region))


def _checks(
    world: World, issuer: IssuerWorld, state: IssuerState, region: str, spec: CheckSpec
) -> tuple[Check, ...]:
    match spec:
        case VerifierCheck():
            expected = expected_at(issuer.setup, state, region, world.clock.now())
            return look_at_verifiers(world.probe, world.clock, spec, issuer.setup, expected)
        case ClockCheck():
            return look_at_clock(world, issuer, region, spec)
        case CanaryCheck():
            urls = issuer.regions[region].public_urls
            return (look_with_canary(world, issuer, state, region, spec, urls),)
        case HttpCheck():
            return ()


def _judged(check: Check, place: Place) -> Diagnosis:
    what = f"{check.kind} {check.target}"
    match check.verdict:
        case Verdict.PASS:
            return Diagnosis(Area.WITNESSES, place, Health.OK, f"{what} answers as it should")
        case Verdict.FAIL:
            return Diagnosis(Area.WITNESSES, place, Health.ERROR, what, check.detail, _LOOK)
        case Verdict.UNKNOWN:
            return Diagnosis(Area.WITNESSES, place, Health.UNKNOWN, what, check.detail, _LOOK)
