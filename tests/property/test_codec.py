"""Whatever is written is read back, and nothing more is read than was written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.audit import AuditEntry, AuditRecord
from rotator.domain.codec import CodecError, decode, encode
from rotator.domain.evidence import Evidence
from rotator.domain.plan import Plan
from rotator.domain.state import IssuerState
from tests.property.strategies import JSON, values

KINDS = [IssuerState, Evidence, Plan, AuditEntry, AuditRecord]
ANY: st.SearchStrategy[tuple[type[Any], Any]] = st.sampled_from(KINDS).flatmap(
    lambda kind: st.tuples(st.just(kind), values(kind))
)


@given(ANY)
def test_a_value_survives_being_written(pair: tuple[type[Any], Any]) -> None:
    kind, value = pair
    text = json.dumps(encode(value), allow_nan=False)
    assert decode(kind, json.loads(text)) == value


@given(ANY, st.data())
def test_an_unknown_member_is_refused_wherever_it_is(
    pair: tuple[type[Any], Any], data: st.DataObject
) -> None:
    kind, value = pair
    form = encode(value)
    place = data.draw(st.sampled_from(_objects(form, _mappings(value))))
    place["not a member"] = 1
    with pytest.raises(CodecError):
        decode(kind, form)


@given(st.sampled_from(KINDS), JSON)
def test_reading_is_total(kind: type[Any], data: object) -> None:
    with pytest.raises(CodecError):
        decode(kind, data)


def _objects(form: Any, free: list[Any]) -> list[dict[str, Any]]:
    """Every object of the JSON that stands for a dataclass: all but those that are equal to a free mapping."""
    found: list[dict[str, Any]] = []
    if isinstance(form, dict):
        if form not in free:
            found.append(form)
        for item in form.values():
            found += _objects(item, free)
    if isinstance(form, list):
        for item in form:
            found += _objects(item, free)
    return found


def _mappings(value: Any) -> list[Any]:
    """The JSON of every mapping in a value, whose members may have any name."""
    if isinstance(value, dict):
        return [encode(value)] + [found for item in value.values() for found in _mappings(item)]
    if isinstance(value, tuple):
        return [found for item in value for found in _mappings(item)]
    if hasattr(value, "__dataclass_fields__"):
        members = (getattr(value, name) for name in value.__dataclass_fields__)
        return [found for item in members for found in _mappings(item)]
    return []
