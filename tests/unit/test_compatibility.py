"""The gate before a new algorithm: when there is one, what it says, and what opens it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.evidence import Evidence
from rotator.domain.inventory import Inventory
from rotator.domain.jwk import Algorithm, EcPublic, Jwk
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.plan import Gate, Reason, Severity
from rotator.domain.policy import Break, Effect, IssuerSetup, Policy, Verifier
from rotator.domain.state import IssuerState
from rotator.planning.compatibility import (
    incompatibilities,
    is_new_kind,
    report_migration,
    unaccepted,
)
from rotator.planning.draft import Draft
from rotator.planning.situation import Situation

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
ES256, EDDSA, ED25519 = Algorithm.ES256, Algorithm.EDDSA, Algorithm.ED25519


def key(number: int, algorithm: Algorithm, *, reached: int, ago: int = 10) -> Key:
    """A key that is staged, published, switched to, active, retired, leaving or removed: `reached` 0 to 6."""
    names = (
        "staged_at",
        "published_at",
        "switch_started_at",
        "activated_at",
        "retired_at",
        "removal_started_at",
        "removed_at",
    )
    moments = Moments(**dict.fromkeys(names[: reached + 1], NOW - ago * DAY))
    jwk = Jwk(f"key-{number}" + "x" * 37, algorithm, EcPublic("P-256", "x", "y"))
    return Key(jwk=jwk, generation=number, handle=LocalHandle("x.pem"), moments=moments)


STAGED, PUBLISHED, BEGUN, ACTIVE, RETIRED, LEAVING, REMOVED = range(7)
LIVE = (key(1, ES256, reached=ACTIVE), key(2, ES256, reached=PUBLISHED))

IGNORES = Verifier(
    "old-lib", DAY, DAY, None, (Break(EDDSA, Effect.IGNORED, "knows no Edwards curves"),)
)
VOIDS = Verifier("strict-lib", DAY, DAY, None, (Break(EDDSA, Effect.VOIDED, "fails the set"),))
READS = Verifier("good-lib", DAY, DAY, None, (Break(ED25519, Effect.VOIDED, "another label"),))


def situation(
    *verifiers: Verifier,
    keys: tuple[Key, ...] = LIVE,
    to: Algorithm = EDDSA,
    accepted: tuple[str, ...] = (),
) -> Situation:
    setup = IssuerSetup(
        "accounts", "https://a.example", Policy(algorithm=to, verifiers=verifiers), ()
    )
    state = IssuerState(issuer="accounts", keys=keys, accepted=accepted)
    evidence = Evidence(issuer="accounts")
    return Situation(Inventory(setup=setup, state=state, evidence=evidence, views={}), NOW)


NEW_KIND = [
    # what, the keys there are, the algorithm asked for, whether its first key would be of a new kind
    ("the issuer's first key", (), EDDSA, False),
    ("a first key that nobody used yet", (key(1, ES256, reached=PUBLISHED),), EDDSA, False),
    ("a live issuer", LIVE, EDDSA, True),
    ("nothing changed", LIVE, ES256, False),
    ("the new kind is there", (*LIVE, key(3, EDDSA, reached=STAGED)), EDDSA, False),
    ("another label of the same curve", (key(1, EDDSA, reached=ACTIVE),), ED25519, True),
    ("back to a kind still served", (key(1, ES256, reached=RETIRED), key(2, EDDSA, reached=ACTIVE)), ES256, False),
    ("back to a kind that is gone", (key(1, ES256, reached=REMOVED), key(2, EDDSA, reached=ACTIVE)), ES256, True),
    ("back to a kind that is leaving", (key(1, ES256, reached=LEAVING), key(2, EDDSA, reached=ACTIVE)), ES256, True),
    ("only retired keys are left", (key(1, ES256, reached=RETIRED),), EDDSA, True),
    ("no document holds anything", (key(1, ES256, reached=REMOVED),), EDDSA, False),
]  # fmt: skip


@pytest.mark.parametrize(("what", "keys", "to", "new"), NEW_KIND, ids=[row[0] for row in NEW_KIND])
def test_what_a_new_kind_is(what, keys, to, new):
    given = situation(IGNORES, keys=keys, to=to)
    assert is_new_kind(given.setup, given.state) is new
    breaks = [b for b in IGNORES.breaks if b.algorithm is to]
    found = incompatibilities(given.setup, given.state)
    assert len(found) == (len(breaks) if new else 0)


ACCEPTED = ("old-lib/EdDSA", "strict-lib/EdDSA")


@pytest.mark.parametrize(
    ("verifiers", "accepted", "waits_for"),
    [
        ((), (), None),
        ((READS,), (), None),
        ((IGNORES,), (), "old-lib/EdDSA"),
        ((READS, IGNORES, VOIDS), (), "old-lib/EdDSA, strict-lib/EdDSA"),
        ((IGNORES, VOIDS), ACCEPTED[:1], "strict-lib/EdDSA"),
        ((IGNORES, VOIDS), ACCEPTED, None),
        ((IGNORES,), ("old-lib/Ed25519", "good-lib/EdDSA"), "old-lib/EdDSA"),
    ],
)
def test_the_gate_is_open_once_every_break_is_accepted(verifiers, accepted, waits_for):
    wait = unaccepted(situation(*verifiers, accepted=accepted))
    if waits_for is None:
        assert wait is None
        return
    assert (wait.kind, wait.gate, wait.reason_code) == (
        "generate",
        Gate.POLICY,
        Reason.ALGORITHM_UNREADABLE,
    )
    assert wait.blocked
    assert f"the first EdDSA key breaks {waits_for}:" in wait.reason
    assert all(f"--accept {name}" in wait.reason for name in waits_for.split(", "))


def findings(given: Situation) -> list[tuple[Severity, str]]:
    draft = Draft(given)
    report_migration(given, draft)
    return [(finding.severity, finding.detail) for finding in draft.findings]


def test_the_plan_says_from_what_to_what_and_which_keys_stay():
    ((severity, words),) = findings(situation())
    assert severity is Severity.INFO
    assert words == (
        "a migration from ES256 to EdDSA: key-1xxx (ES256) signs until a key of the new kind takes over,"
        " not before 2027-02-12T00:00:00Z, and is served 31 d 1 h 35 s after it;"
        " key-2xxx (ES256) stands by until a key of the new kind is warm"
    )


def test_a_turn_that_is_over_is_not_named_as_a_time_to_come():
    old = (key(1, ES256, reached=ACTIVE, ago=100),)
    ((_, words),) = findings(situation(keys=old))
    assert "not before 2026-11-24T00:00:00Z" in words


def test_a_switch_that_was_begun_goes_on():
    begun = (key(1, Algorithm.RS256, reached=ACTIVE), key(2, ES256, reached=BEGUN))
    ((_, words),) = findings(situation(keys=begun))
    assert words.startswith("a migration from RS256, ES256 to EdDSA: key-1xxx (RS256) signs until")
    assert "key-2xxx (ES256) signs until" in words


def test_it_is_over_once_the_old_kind_neither_signs_nor_stands_by():
    keys = (key(1, ES256, reached=RETIRED), key(2, EDDSA, reached=ACTIVE))
    assert findings(situation(IGNORES, keys=keys)) == []
    assert findings(situation(IGNORES, keys=())) == []


def test_every_break_is_named_with_what_it_does_and_how_to_accept_it():
    _, *breaks = findings(situation(READS, IGNORES, VOIDS, accepted=ACCEPTED[1:]))
    assert breaks == [
        (
            Severity.WARNING,
            (
                "old-lib passes over EdDSA keys and refuses every token that they sign (knows no Edwards curves);"
                " to accept that: rotator apply --accept old-lib/EdDSA"
            ),
        ),
        (
            Severity.ERROR,
            (
                "one EdDSA key in the document makes all of it unreadable for strict-lib: EVERY token is refused"
                " there, those of the old keys too (fails the set); accepted"
            ),
        ),
    ]


def test_a_break_that_comes_later_closes_the_gate_only_before_the_first_key():
    assert unaccepted(situation(IGNORES, accepted=ACCEPTED[:1])) is None
    assert unaccepted(situation(IGNORES, VOIDS, accepted=ACCEPTED[:1]))
    made = (*LIVE, key(3, EDDSA, reached=STAGED))
    later = situation(IGNORES, VOIDS, keys=made, accepted=ACCEPTED[:1])
    assert unaccepted(later) is None
    assert [severity for severity, _ in findings(later)] == [Severity.INFO]


def test_accepting_is_of_a_verifier_and_an_algorithm():
    given = situation(IGNORES, accepted=ACCEPTED)
    (one,) = incompatibilities(given.setup, given.state)
    assert (one.name, one.accepted) == ("old-lib/EdDSA", True)
    another = replace(IGNORES, name="old-lib-2")
    assert unaccepted(situation(another, accepted=ACCEPTED))
