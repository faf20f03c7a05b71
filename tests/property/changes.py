"""Everything that may happen to a history between two runs of rotator, by the words that a failing example shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from rotator.domain.policy import JWKS_URL, Special, Verifier
from tests.fakes.targets import Fault
from tests.property.histories import (
    FOREVER,
    GATES,
    NTP,
    QUICK,
    STRANGER,
    History,
    WitnessedRegion,
)
from tests.scenarios.world import JWKS, NAMES

Change = Callable[[History], object]


def _edge(gate: str, **lies: object) -> Change:
    """The edge tells the truth but for these lies."""

    def change(history: History) -> None:
        honest = {"down": None, "status": 200 if "body" in lies else None, "body": None}
        for name, value in (honest | lies).items():
            setattr(history.edges[gate], name, value)

    return change


def _ahead(gate: str, by: timedelta) -> Change:
    return lambda history: setattr(history.edges[gate], "ahead", by)


def _origin(history: History, gate: str) -> bytes | None:
    return history.regions[NAMES[0] if gate == JWKS_URL else gate].documents.get(JWKS)


def _tampered(body: bytes | None, how: str) -> bytes:
    """A document that somebody else made out of one of ours."""
    members = json.loads(body or b'{"keys":[]}')
    keys = members["keys"]
    match how:
        case "without the newest":
            keys[:] = keys[:-1]
        case "with other material":
            keys[-1:] = [{**key, "x": key["y"], "y": key["x"]} for key in keys[-1:]]
        case "with a foreign key":
            keys.append(
                {"kty": "EC", "crv": "P-256", "kid": STRANGER, "x": "A" * 43, "y": "A" * 43}
            )
        case _:
            members["note"] = how
    return json.dumps(members).encode()


def _lies(gate: str, how: str) -> Change:
    return lambda history: _edge(gate, body=_tampered(_origin(history, gate), how))(history)


def _frozen(gate: str) -> Change:
    """The edge goes on with the document of now, whatever is written."""
    return lambda history: _edge(gate, body=_origin(history, gate))(history)


def _overwrites(region: str, how: str) -> Change:
    def change(history: History) -> None:
        documents = history.regions[region].documents
        if how == "nothing":
            documents.pop(JWKS, None)
        else:
            documents[JWKS] = _tampered(documents.get(JWKS), how)

    return change


def _fails(region: str, fault: Fault | None, *, falls: bool = False) -> Change:
    def change(history: History) -> None:
        found = history.regions[region]
        assert isinstance(found, WitnessedRegion)
        found.fault, found.falls = fault, falls

    return change


def _keeps(gate: str, max_age: timedelta | None, more: str = "") -> Change:
    """The edge says, and keeps, another lifetime."""

    def change(history: History) -> None:
        edge = history.edges[gate]
        edge.max_age = max_age
        edge.headers = (
            {"cache-control": f"max-age={max_age.seconds}, {more}"} if max_age and more else {}
        )

    return change


def _skew(by: timedelta) -> Change:
    def change(history: History) -> None:
        history.host.skew = by
        history.skewed |= bool(by)

    return change


def _serves(
    region: str,
    *,
    down: str | None = None,
    status: int | None = None,
    anything: bool = False,
    ahead: timedelta = timedelta(),
    free: bool = False,
) -> Change:
    """The region's services: what the verifier says of itself, whom the API lets in, and whether their URLs answer."""

    def change(history: History) -> None:
        service = history.services[region]
        service.anything, service.verifier.ahead = anything, ahead
        service.verifier.own_clock = {"synchronised": False} if free else None
        for kind in ("verifier", "api"):
            edge = history.edges[f"{kind}.{region}"]
            edge.down, edge.status = down, status

    return change


def _policy(**members: object) -> Change:
    return lambda history: history.set_policy(**members)


def _time_server(offset: timedelta, down: str | None = None) -> Change:
    def change(history: History) -> None:
        history.time.serve(NTP, offset).down = down

    return change


def well(history: History) -> None:
    """Every answer is true, everybody knows every key, and no document of somebody else stands where ours should."""
    for gate in GATES:
        _edge(gate)(history)
        _ahead(gate, timedelta())(history)
        _keeps(gate, 5 * m)(history)
        history.edges[gate].purge()
    for name in NAMES:
        _fails(name, None)(history)
        _serves(name)(history)
        documents, written = history.regions[name].documents, history.written(name)
        documents.pop(JWKS, None)
        if written:
            documents[JWKS] = _without_strangers(written)
    history.learn()
    _skew(timedelta())(history)
    _time_server(timedelta())(history)


def _without_strangers(body: bytes) -> bytes:
    keys = json.loads(body)["keys"]
    own = [key for key in keys if key["kid"] != STRANGER]
    return body if own == keys else json.dumps({"keys": own}).encode()


def _of_a_gate(gate: str) -> dict[str, Change]:
    return {
        "tells the truth": _edge(gate),
        "silence": _edge(gate, down="timed out"),
        "answers 503": _edge(gate, status=503),
        "answers 404": _edge(gate, status=404, body=b"not found"),
        "answers 302": _edge(gate, status=302),
        "answers HTML": _edge(gate, body=b"<html>"),
        "stays as it is now": _frozen(gate),
        "its clock is right": _ahead(gate, timedelta()),
        "its clock is 20 m ahead": _ahead(gate, 20 * m),
        "its clock is 2 h behind": _ahead(gate, -2 * h),
        "says nothing of caches": _keeps(gate, None),
        "keeps for 1 m": _keeps(gate, m),
        "keeps for 2 h": _keeps(gate, 2 * h),
        "keeps for 5 m, then stale": _keeps(gate, 5 * m, "stale-if-error=7200"),
    } | {f"serves it {how}": _lies(gate, how) for how in HOW[:3]}


def _of_a_region(name: str) -> dict[str, Change]:
    return {
        "is down": _fails(name, Fault.DOWN),
        "goes down after the next write": _fails(name, None, falls=True),
        "is up": _fails(name, None),
        "services learn": lambda history: history.services[name].learn(),
        "services are well": _serves(name),
        "services are silent": _serves(name, down="timed out"),
        "services fail": _serves(name, status=500),
        "its API accepts anything": _serves(name, anything=True),
        "its verifier's clock is off": _serves(name, ahead=20 * m),
        "its verifier's clock is free": _serves(name, free=True),
    } | {f"the document is {how}": _overwrites(name, how) for how in ("nothing", *HOW)}


def _of_the_policy() -> dict[str, Change]:
    header, unknown = (Verifier(s, s, s) for s in (Special.HEADER, Special.UNKNOWN))
    return {
        "it waits for 10 m": _policy(publish_lead=10 * m),
        "it waits for 30 m": _policy(publish_lead=30 * m),
        "it waits for 2 h": _policy(publish_lead=2 * h),
        "edges keep for 1 m": _policy(edge_cache=m),
        "edges keep for 10 m": _policy(edge_cache=10 * m),
        "one pass is enough": _policy(passes_required=1),
        "four passes are needed": _policy(passes_required=4),
        "evidence is fresh for 1 m": _policy(evidence_freshness=m),
        "evidence is fresh for 1 h": _policy(evidence_freshness=h),
        "clocks may be 20 s apart": _policy(max_clock_drift=timedelta(seconds=20)),
        "clocks may be 1 s apart": _policy(max_clock_drift=timedelta(seconds=1)),
        "no verifiers are named": _policy(verifiers=()),
        "quick verifiers": _policy(verifiers=(QUICK,)),
        "slow verifiers": _policy(verifiers=(QUICK, Verifier("slow", h, h))),
        "verifiers as the header says": _policy(verifiers=(header,)),
        "verifiers nobody measured": _policy(verifiers=(unknown,)),
        "verifiers that wait for a restart": _policy(verifiers=(QUICK, *FOREVER)),
    }


m, h = timedelta(minutes=1), timedelta(hours=1)
HOW = ("without the newest", "with other material", "with a foreign key", "written differently")
CHANGES: dict[str, Change] = {
    "all is well": well,
    "the evidence is lost": lambda history: history.forget(),
    "the evidence of a look before": lambda history: history.forget(1),
    "the evidence of five looks before": lambda history: history.forget(5),
    "somebody looks, and is slow": lambda history: history.look_slowly(),
    "what was seen slowly is kept": lambda history: history.keep_at_last(),
    "somebody attests": lambda history: history.attest(),
    "this host's clock is 10 h behind": _skew(-10 * h),
    "this host's clock is 10 h ahead": _skew(10 * h),
    "this host's clock is right": _skew(timedelta()),
    "the time server is right": _time_server(timedelta()),
    "the time server is 40 s off": _time_server(timedelta(seconds=-40)),
    "the time server is silent": _time_server(timedelta(), "timed out"),
    **_of_the_policy(),
    **{f"{gate}: {what}": change for gate in GATES for what, change in _of_a_gate(gate).items()},
    **{f"{name}: {what}": change for name in NAMES for what, change in _of_a_region(name).items()},
}
GAPS = {f"{gap}": gap for gap in (m / 60, m / 7.5, m / 2, 5 * m, 31 * m, h, 130 * m, 24 * h)}
"""How much time may pass before something happens."""
