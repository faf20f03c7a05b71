"""What is scraped: figures of the last observation, counts that go on, and nothing of what is gone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rotator import __version__
from rotator.app.observing import Observation, observe, observed
from rotator.app.status import status
from rotator.app.telling import Delivery
from rotator.daemon.families import BY_NAME, FAMILIES, exposed
from rotator.daemon.metrics import Metrics
from rotator.domain.checks import ClockCheck
from tests.app.test_notices import revoke
from tests.fakes.targets import Fault
from tests.scenarios.test_rules import foreign_entry
from tests.scenarios.world import DAY, JWKS, NAMES, Regions

EU = "eu-central-1"
Figures = Mapping[tuple[str, ...], float]


def figures(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    """By metric, the values by the values of its labels in the documented order."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        known = BY_NAME[family.name]
        found[exposed(known)] = {
            tuple(sample.labels[name] for name in known.labels): sample.value
            for sample in family.samples
        }
    return found


def scraped(regions: Regions, seen: Observation | None = None) -> dict[str, Figures]:
    """What would be scraped now, after a look."""
    metrics = Metrics()
    world = regions.world()
    metrics.saw(seen or observed(world, status(world)))
    return {name: found for name, found in figures(metrics.text(regions.at())).items() if found}


@pytest.fixture
def regions() -> Regions:
    made = Regions()
    made.apply()
    return made


def test_every_metric_is_described_once_with_its_unit() -> None:
    text = Metrics().text(Regions().at()).decode()
    told = [line.split(" ", 3)[2:] for line in text.splitlines() if line.startswith("# HELP")]
    assert told == [[exposed(family), family.help] for family in FAMILIES]
    for family in FAMILIES:
        if "_seconds" in family.name:
            assert "seconds" in family.help, family.name


def test_only_counters_count() -> None:
    assert {family.name for family in FAMILIES if family.counter} == {
        "rotator_errors",
        "rotator_notices",
    }


def test_before_anything_was_seen() -> None:
    text = Metrics().text(Regions().at())
    assert {name: found for name, found in figures(text).items() if found} == {
        "rotator_build_info": {(__version__,): 1}
    }


class TestKeys:
    def test_phases(self, regions: Regions) -> None:
        assert scraped(regions)["rotator_key_phase"] == {
            ("accounts", regions.key(0).kid, "active"): 1,
            ("accounts", regions.key(1).kid, "published"): 1,
        }

    def test_since_when_they_are_seen(self, regions: Regions) -> None:
        begun = regions.at()
        regions.clock.advance(timedelta(hours=5))
        found = scraped(regions)
        labels = {
            ("accounts", key.kid, name) for key in regions.remembered().keys for name in NAMES
        }
        age = found["rotator_key_visible_age_seconds"]
        since = found["rotator_key_visible_since_timestamp_seconds"]
        assert age.keys() == since.keys() == labels
        assert {round(value) for value in age.values()} == {5 * 3600}
        assert {round(value - begun.timestamp()) for value in since.values()} == {0}

    def test_a_removed_key_is_gone_from_every_metric(self, regions: Regions) -> None:
        kid = regions.key(0).kid
        assert kid in str(scraped(regions))
        regions.clock.advance(91 * DAY)
        regions.apply()
        assert ("accounts", kid, "retired") in scraped(regions)["rotator_key_phase"]
        regions.clock.advance(40 * DAY)
        regions.apply()
        assert kid not in str(scraped(regions))

    def test_a_revoked_key_is_shown_until_it_is_withdrawn(self, regions: Regions) -> None:
        kid = revoke(regions, 1).kid
        found = scraped(regions, observe(regions.world()))
        assert found["rotator_revoke_unfinished"] == {("accounts",): 1}
        assert found["rotator_key_phase"][("accounts", kid, "revoked")] == 1
        revoke(regions, 1, removed_at=regions.at())
        after = scraped(regions, observe(regions.world()))
        assert after["rotator_revoke_unfinished"] == {("accounts",): 0}
        assert kid not in str(after["rotator_key_phase"])


class TestGates:
    def test_verdicts(self, regions: Regions) -> None:
        regions.regions[EU].documents[JWKS] = b"{}"
        regions.down("us-east-1")
        found = scraped(regions)
        assert ("accounts", EU, "fail") in found["rotator_gate_verdict"]
        assert ("accounts", "ap-northeast-1", "pass") in found["rotator_gate_verdict"]
        assert len(found["rotator_gate_verdict"]) == len(NAMES)
        checks = {labels[1:] for labels in found["rotator_check_verdict"]}
        assert {("us-east-1", "origin", "unknown"), (EU, "origin", "fail")} <= checks
        looked = found["rotator_gate_looked_timestamp_seconds"]
        assert set(looked.values()) == {regions.at().timestamp()}

    def test_clocks(self) -> None:
        world = Regions(checks={EU: (ClockCheck(None, "ntp.example"),)})
        world.time.serve("ntp.example", timedelta(seconds=3))
        world.apply()
        found = scraped(world)
        assert found["rotator_clock_offset_seconds"]["accounts", EU] == pytest.approx(3, abs=0.01)
        assert found["rotator_clock_error_seconds"]["accounts", EU] >= 0

    def test_a_foreign_key(self, regions: Regions) -> None:
        assert "rotator_foreign_keys" not in scraped(regions)
        body = regions.regions[EU].documents[JWKS].decode()
        strange = body.replace("]}", f",{foreign_entry().text}]}}").encode()
        regions.regions[EU].documents[JWKS] = strange
        assert scraped(regions)["rotator_foreign_keys"] == {("accounts", EU): 1}


class TestPlan:
    def test_what_comes_next(self, regions: Regions) -> None:
        regions.clock.advance(30 * DAY)
        regions.apply()
        found = scraped(regions)
        labels = ("accounts", "switch", regions.key(1).kid)
        assert round(found["rotator_next_step_seconds"][labels]) == 60 * 86_400
        moment = regions.key(0).moments.activated_at + 90 * DAY
        assert found["rotator_next_step_timestamp_seconds"][labels] == moment.timestamp()
        assert found["rotator_steps_due"] == {("accounts",): 0}
        assert found["rotator_run_every_seconds"] == {("accounts",): 86_400}

    def test_what_is_blocked_and_then_overdue(self, regions: Regions) -> None:
        regions.clock.advance(89 * DAY)
        regions.apply()
        regions.down(EU)
        regions.clock.advance(DAY)
        found = scraped(regions)
        blocked = found["rotator_blocked_waits"]
        assert {labels[:2] for labels in blocked} == {("accounts", EU)}
        assert found["rotator_overdue_seconds"] == {("accounts",): 0}
        regions.clock.advance(3 * DAY)
        assert scraped(regions)["rotator_overdue_seconds"] == {("accounts",): 3 * 86_400}

    def test_when_it_was_applied_last_outlives_whoever_applied(self, regions: Regions) -> None:
        begun = regions.at()
        regions.apply()
        regions.clock.advance(DAY)
        found = scraped(regions)
        assert found["rotator_last_apply_timestamp_seconds"] == {("accounts",): begun.timestamp()}
        assert "rotator_last_apply_timestamp_seconds" not in scraped(Regions())

    def test_a_hold(self, regions: Regions) -> None:
        from rotator.app.hold import hold

        assert scraped(regions)["rotator_held"] == {("accounts",): 0}
        hold(regions.world(), "accounts", "freeze", owner="ann")
        assert scraped(regions)["rotator_held"] == {("accounts",): 1}

    def test_who_holds_the_lease(self, regions: Regions) -> None:
        assert "rotator_lease_holder_info" not in scraped(regions)
        regions.state.acquire("ops-1:4711", DAY)
        assert scraped(regions)["rotator_lease_holder_info"] == {("ops-1:4711",): 1}


class TestCounts:
    def test_runs_errors_and_notices(self, regions: Regions) -> None:
        metrics = Metrics()
        regions.down(EU)
        metrics.applied(regions.apply())
        metrics.failed(["E_LEASE_HELD", "E_LEASE_HELD"])
        metrics.succeeded("verify", regions.at())
        metrics.told([Delivery("ops", 3, 0), Delivery("chat", 0, 2), Delivery("ops", 1, 0)])
        found = figures(metrics.text(regions.at()))
        assert found["rotator_errors_total"] == {("E_LEASE_HELD",): 2}
        at = regions.at().timestamp()
        assert found["rotator_last_success_timestamp_seconds"] == {("apply",): at, ("verify",): at}
        assert found["rotator_notices_total"] == {
            ("ops", "told"): 4,
            ("ops", "failed"): 0,
            ("chat", "told"): 0,
            ("chat", "failed"): 2,
        }

    def test_an_apply_with_a_step_that_failed_is_no_success(self) -> None:
        world = Regions()
        world.jwks[EU].next_writes = [Fault.DOWN]
        metrics = Metrics()
        report = world.apply()
        assert report.failed
        metrics.applied(report)
        found = figures(metrics.text(world.at()))
        assert found["rotator_last_success_timestamp_seconds"] == {}
        assert found["rotator_errors_total"] == {("E_TARGET_UNREACHABLE",): 1}


class TestRecall:
    """A run that ends goes on from what the run before it wrote."""

    def written(self, regions: Regions) -> str:
        metrics = Metrics()
        metrics.saw(observe(regions.world()))
        metrics.failed(["E_TARGET"])
        metrics.succeeded("apply", regions.at())
        metrics.told([Delivery("ops", 1, 0)])
        return metrics.text(regions.at()).decode()

    def test_counts_go_on_and_later_successes_win(self, regions: Regions) -> None:
        before = self.written(regions)
        at = regions.at()
        regions.clock.advance(DAY)
        metrics = Metrics()
        metrics.failed(["E_TARGET"])
        metrics.succeeded("verify", regions.at())
        metrics.recall(before)
        found = figures(metrics.text(regions.at()))
        assert found["rotator_errors_total"] == {("E_TARGET",): 2}
        assert found["rotator_notices_total"][("ops", "told")] == 1
        assert found["rotator_last_success_timestamp_seconds"] == {
            ("verify",): regions.at().timestamp(),
            ("apply",): at.timestamp(),
        }

    def test_where_nothing_could_be_seen_the_figures_stay(self, regions: Regions) -> None:
        before = self.written(regions)
        metrics = Metrics()
        metrics.recall(before)
        assert figures(metrics.text(regions.at())) == figures(before.encode())

    def test_what_was_seen_replaces_what_there_was(self, regions: Regions) -> None:
        before = self.written(regions).replace("accounts", "left-long-ago")
        metrics = Metrics()
        metrics.saw(observe(regions.world()))
        metrics.recall(before)
        assert b"left-long-ago" not in metrics.text(regions.at())

    def test_issuers_that_were_not_looked_at_stay(self, regions: Regions) -> None:
        before = self.written(regions)
        other = before.replace("accounts", "payments").replace(" 1.0", " 7.0")
        metrics = Metrics()
        metrics.saw(observe(regions.world()))
        metrics.recall(other, issuers={"accounts"})
        found = figures(metrics.text(regions.at()))["rotator_key_phase"]
        assert sorted({(labels[0], value) for labels, value in found.items()}) == [
            ("accounts", 1),
            ("payments", 7),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "garbage",
            "rotator_errors_total{",
            'rotator_errors_total{code="E_X"} many',
            '# TYPE rotator_errors_total counter\nrotator_errors_total{code="E_X"} NaN',
            '# TYPE rotator_errors_total counter\nrotator_errors_total{code="E_X"} +Inf',
            "# TYPE rotator_errors_total counter\nrotator_errors_total 3",
            'node_load1 0.5\nrotator_unknown{a="b"} 1',
            "\x00\xff",
        ],
        ids=[
            "nothing",
            "garbage",
            "cut",
            "no number",
            "NaN",
            "infinity",
            "no label",
            "others'",
            "binary",
        ],
    )
    def test_what_cannot_be_read_counts_for_nothing(self, text: str) -> None:
        metrics = Metrics()
        metrics.failed(["E_TARGET"])
        metrics.recall(text)
        found = figures(metrics.text(Regions().at()))
        assert found["rotator_errors_total"] == {("E_TARGET",): 1}


def test_a_hostile_name_stays_inside_its_quotes(regions: Regions) -> None:
    seen = observe(regions.world())
    hostile = 'x"} 1\nrotator_build_info{version="evil'
    issuer = replace(seen.report.issuers[0], issuer=hostile)
    report = replace(seen.report, issuers=(issuer,))
    states = {hostile: seen.states["accounts"]}
    every = {hostile: timedelta(days=1)}
    found = scraped(regions, replace(seen, report=report, states=states, run_every=every))
    assert found["rotator_build_info"] == {(__version__,): 1}
    assert found["rotator_held"] == {(hostile,): 0}
