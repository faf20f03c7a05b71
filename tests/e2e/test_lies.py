"""What servers may lie about, told to the real commands: each lie is found, named, and keeps the switch from happening.

Beside each stands the truth: once the same server says it, `verify` ends with 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rotator.adapters.http_probe import HttpProbe
from rotator.app.world import World
from rotator.ports import HttpAnswer, NoAnswer
from tests.e2e.lies.table import LIES, Lie, dates
from tests.e2e.lies.world import ADDRESSES, DOCUMENT, EU, US, Site, site
from tests.e2e.place import REGIONS
from tests.servers.webserver import Reply, webserver

NAMES = {"http": "edge", "verifier": "verifiers", "clock": "clock", "canary": "canary"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("lies")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
        with site(folder) as made:
            yield made


@pytest.fixture
def truth(servers: Site) -> Site:
    """A key whose turn has come, and nobody lies."""
    servers.again()
    return servers


def kids(truth: Site) -> dict[str, str]:
    """The keys that sentences name, as they name them."""
    (gone,) = (entry["kid"][:8] for entry in json.loads(truth.yesterday)["keys"][:1])
    old, new = (entry["kid"][:8] for entry in truth.entries)
    return {"gone": gone, "old": old, "new": new}


def fits(shown: str, printed: str) -> bool:
    """Whether it is this sentence, in which `…` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), printed) is not None


def troubles(report: Any) -> list[tuple[str, str, str, str]]:
    """Region, check, verdict and words of what did not pass."""
    return [
        (region["region"], check["kind"], check["verdict"], check["detail"])
        for region in report["regions"]
        for check in region["checks"]
        if check["verdict"] != "pass"
    ]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: f"{lie.check}: {lie.name}")
def test_a_lie_is_found(truth: Site, lie: Lie) -> None:
    lie.told(truth)
    says = lie.says.format(**kids(truth))
    found(truth, lie, says)
    printed(truth, lie, says)
    not_switched(truth, lie, says)
    truth.tell_the_truth()
    assert truth.place.run("verify").code == 0


def found(told: Site, lie: Lie, says: str) -> None:
    """`verify --json`: that check alone does not pass, with these words."""
    ran = told.place.run("verify", "--json")
    (trouble,) = troubles(json.loads(ran.out))
    assert (ran.code, *trouble[:3]) == (3, lie.region, lie.check, lie.verdict)
    assert fits(says, trouble[3]), trouble


def printed(told: Site, lie: Lie, says: str) -> None:
    """`verify`: the sentence stands below its region, and which gate is closed."""
    ran = told.place.run("verify")
    rows = [row.strip() for row in ran.out.splitlines()]
    assert ran.code == 3
    assert [row for row in rows if fits(f"{NAMES[lie.check]}: {says} (…)", row)], ran.out
    assert f"gate closed: {lie.region}" in rows


def not_switched(told: Site, lie: Lie, says: str) -> None:
    """`plan` names what the switch waits for, and `apply` does not switch."""
    before = [told.place.signing(name) for name in REGIONS]
    ran = told.place.run("apply", "--yes", "--json")
    (wait,) = json.loads(ran.out)["left"]["issuers"][0]["waiting"]
    assert (ran.code, wait["kind"], wait["reason_code"]) == (3, "switch", lie.reason_code)
    assert [told.place.signing(name) for name in REGIONS] == before
    waits = lie.waits or (
        f"{lie.region} serves …" if "foreign" in lie.reason_code else f"…{says} (…)"
    )
    assert fits(waits, wait["reason"]), wait
    plan = told.place.run("plan")
    assert (plan.code, "blocked" in plan.out) == (3, True)
    assert fits(f"…{waits}…", plan.out.replace("\n", " ")), plan.out


def test_nobody_lies(truth: Site) -> None:
    ran = truth.place.run("verify", "--json")
    assert (ran.code, troubles(json.loads(ran.out))) == (0, [])
    assert "gate open: 3 regions checked, every one passes" in truth.place.ok("verify")
    assert truth.place.run("plan", "--detailed-exitcode").code == 2
    truth.place.ok("apply", "--yes")
    named = [json.loads(truth.place.signing(name) or b"{}")["active"]["kid"] for name in REGIONS]
    assert {kid[:8] for kid in named} == {truth.entries[1]["kid"][:8]}


def test_all_regions_contradict_this_host(truth: Site) -> None:
    dates(*REGIONS)(truth)
    (truth.folder / "regions" / US / DOCUMENT).write_bytes(b'{"keys":[]}')
    ran = truth.place.run("verify")
    assert ran.code == 3
    assert ran.out.count("clock: 3 m ahead of this host's, more than max_clock_drift 5 s") == 3
    applied = truth.place.run("apply", "--yes", "--json")
    report = json.loads(applied.out)
    (wait,) = report["left"]["issuers"][0]["waiting"]
    assert (applied.code, report["results"]) == (3, [])
    assert (wait["reason_code"], wait["gate"]) == ("own_clock_wrong", "safety")
    words = "this host's clock is the odd one out: 3 m behind that of us-east-1, eu-central-1, ap-northeast-1"
    assert wait["reason"] == words
    assert words in truth.place.run("plan").out


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (None, "there is none: some verifiers then never look again, others at every token"),
        ("no-cache", "no-cache makes verifiers and edges fetch the keys again at every token"),
        ("public", "it has no max-age: each verifier then guesses how long to keep the keys"),
    ],
)
def test_how_it_may_be_cached_is_found_and_fails_nothing(truth: Site, header, why) -> None:
    for edge in truth.edges[EU]:
        edge.cache_control = header
    assert truth.place.run("verify").code == 0
    ran = truth.place.run("plan", "--detailed-exitcode")
    assert ran.code == 2
    words = f"{truth.url(EU)}'s Cache-Control cannot be counted on: {why}"
    assert f"warning  caching  eu-central-1  {words}" in ran.out


def test_a_stale_copy_with_every_key_passes_and_is_named(truth: Site) -> None:
    truth.first_verifier_is(truth.verifier(state="stale"))
    ran = truth.place.run("verify", "--json")
    details = [c["detail"] for r in json.loads(ran.out)["regions"] for c in r["checks"]]
    assert (ran.code, [words for words in details if words]) == (0, ["has a stale copy, 4 m old"])


@dataclass(frozen=True)
class FourAddresses:
    """A resolver that knows the edge's name; the rest is the real probe."""

    name: str
    real: HttpProbe

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        return ADDRESSES if self.name in url else self.real.addresses(url)

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        return self.real.get(url, address=address, token=token)


def test_every_address_of_a_name_is_asked(truth: Site) -> None:
    """The configuration pins nothing: the name has four addresses, and one of them serves the old document."""
    name = "keys.localhost"

    def wired(world: World) -> World:
        return replace(truth.keys(world), probe=FourAddresses(name, HttpProbe()))

    first = truth.edges[US][0]
    with webserver(first.directory, host="127.0.0.3", port=first.port) as third:
        others = [webserver(first.directory, host=h, port=first.port) for h in ADDRESSES[1::2]]
        with others[0] as second, others[1] as fourth:
            for each in (second, third, fourth):
                each.now = truth.clock.now
            place = replace(truth.place, config=json.loads(truth.place.file.read_text()))
            place.wiring = wired
            url = first.url_as(name, DOCUMENT)
            place.config["regions"][US]["checks"][0]["url"] = url
            place.write_config()
            assert place.run("verify").code == 0
            assert {len(each.seen) for each in (second, third, fourth)} == {1}
            third.script(DOCUMENT, Reply(body=truth.yesterday))
            ran = place.run("verify")
            truth.place.write_config()
    words = (
        "edge: 1 of 4 addresses (127.0.0.3): lacks {new}; still serves {gone}, which was withdrawn"
    )
    assert (ran.code, words.format(**kids(truth)) + f" ({url})" in ran.out) == (3, True), ran.out
