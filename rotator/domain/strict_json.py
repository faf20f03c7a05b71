"""JSON from outside, where two readers must not come to different values (RFC 8259 §4, RFC 8725 §2.4's spirit)."""

import json


def read_json(body: bytes) -> object:
    """The value that UTF-8 bytes stand for; raises ValueError, also for repeated members, NaN and too deep a nesting."""
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_repeats, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated member")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
