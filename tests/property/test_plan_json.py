"""Plans survive being saved, and nothing else is ever taken for one."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rotator.domain import plan_json
from rotator.domain.plan import (
    Destroy,
    Disable,
    Finding,
    FindingKind,
    Gate,
    Generate,
    IssuerPlan,
    Plan,
    PointAlias,
    Reason,
    Remove,
    RepairJwks,
    RepairSigning,
    Replicate,
    Retire,
    Severity,
    Step,
    Switch,
    Wait,
    WriteJwks,
    WriteSigning,
)
from rotator.errors import PlanDamaged

words = st.text(max_size=20)
counts = st.integers(0, 2**53)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
common = {"reason": words, "reason_code": st.sampled_from(Reason), "not_before": moments}
jwks = {
    **common,
    "region": words,
    "keys": st.lists(words, max_size=3).map(tuple),
    "expected_etag": st.none() | words,
}
signing = {
    **common,
    "kid": words,
    "region": words,
    "standby": st.none() | words,
    "expected_etag": st.none() | words,
    "generation": counts,
}
unnumbered: st.SearchStrategy[Step] = st.one_of(
    st.builds(Generate, n=st.just(0), ref=words, generation=counts, algorithm=words, **common),
    st.builds(WriteJwks, n=st.just(0), **jwks),
    st.builds(RepairJwks, n=st.just(0), **jwks),
    st.builds(Remove, n=st.just(0), kid=words, generation=counts, **jwks),
    st.builds(Switch, n=st.just(0), **signing),
    st.builds(WriteSigning, n=st.just(0), **signing),
    st.builds(RepairSigning, n=st.just(0), **signing),
    st.builds(Replicate, n=st.just(0), kid=words, region=words, **common),
    st.builds(PointAlias, n=st.just(0), kid=words, region=words, **common),
    st.builds(Retire, n=st.just(0), kid=words, **common),
    st.builds(Disable, n=st.just(0), kid=words, **common),
    st.builds(Destroy, n=st.just(0), kid=words, **common),
)


@st.composite
def numbered_steps(draw: st.DrawFn) -> tuple[Step, ...]:
    steps = draw(st.lists(unnumbered, max_size=6))
    return tuple(replace(step, n=n) for n, step in enumerate(steps, 1))


waits = st.builds(
    Wait,
    kind=words,
    kid=st.none() | words,
    gate=st.sampled_from(Gate),
    region=st.none() | words,
    reason=words,
    reason_code=st.sampled_from(Reason),
    until=st.none() | moments,
    blocked=st.booleans(),
    numbers=st.dictionaries(words, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)
findings = st.builds(
    Finding,
    kind=st.sampled_from(FindingKind),
    severity=st.sampled_from(Severity),
    region=st.none() | words,
    detail=words,
)
issuers = st.builds(
    IssuerPlan,
    issuer=words,
    lineage=words,
    serial=counts,
    steps=numbered_steps(),
    waiting=st.lists(waits, max_size=3).map(tuple),
    findings=st.lists(findings, max_size=2).map(tuple),
)
plans = st.builds(
    Plan,
    created_at=moments,
    now=moments.map(lambda moment: moment + timedelta(microseconds=1)),
    config_digest=words,
    issuers=st.lists(issuers, max_size=3).map(tuple),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@given(plans)
def test_round_trip_is_exact(plan: Plan) -> None:
    text = plan_json.text(plan)
    assert plan_json.load(text) == plan
    assert plan_json.text(plan_json.load(text.encode())) == text


@given(plans, st.data())
def test_a_cut_plan_is_no_plan(plan: Plan, data: st.DataObject) -> None:
    whole = plan_json.text(plan).rstrip()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert not _loads(cut)


@given(plans, st.data())
def test_a_changed_value_is_no_plan(plan: Plan, data: st.DataObject) -> None:
    """Any member, set to anything else: the digest does not fit."""
    document = plan_json.dump(plan)
    place: Any = document
    while True:
        name = data.draw(
            st.sampled_from([*place] if isinstance(place, dict) else [*range(len(place))])
        )
        if not isinstance(place[name], dict | list) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    before = json.dumps(document)
    place[name] = data.draw(json_values)
    assert json.dumps(document) == before or not _loads(json.dumps(document))


@given(plans, st.data())
def test_even_with_a_digest_that_fits_nothing_wrong_gets_through(
    plan: Plan, data: st.DataObject
) -> None:
    """Hostile: the digest is made anew after the change. Either it is refused, or it is a plan like any other."""
    document = plan_json.dump(plan)
    target = data.draw(st.sampled_from([document, *document["issuers"]]))
    name = data.draw(st.sampled_from([*target, "more"]))
    target[name] = data.draw(json_values)
    try:
        document["digest"] = plan_json.digest(document)
    except ValueError:
        return
    if _loads(json.dumps(document)):
        plan_json.text(plan_json.load(json.dumps(document)))


@given(st.text() | st.binary() | json_values.map(json.dumps))
def test_junk_is_refused_as_junk(junk: str | bytes) -> None:
    assert not _loads(junk)


def _loads(saved: str | bytes) -> bool:
    """Whether it is taken for a plan; PlanDamaged is the only error that may come."""
    try:
        plan_json.load(saved)
    except PlanDamaged:
        return False
    return True
