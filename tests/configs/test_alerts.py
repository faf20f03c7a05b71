"""The alerts under promtool: it accepts them, and each fires when it should and not before; so does what is scraped."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.app.observing import observed
from rotator.app.status import status
from rotator.daemon.metrics import Metrics
from tests.docs.test_metrics_page import ALERTS, RULES
from tests.scenarios.world import Regions

pytestmark = pytest.mark.promtool

WELL = {
    'rotator_build_info{version="1"}': "1+0x3600",
    'up{job="rotator"}': "1+0x3600",
    'rotator_last_apply_timestamp_seconds{issuer="accounts"}': "0+60x3600",
    'rotator_run_every_seconds{issuer="accounts"}': "86400+0x3600",
    'rotator_overdue_seconds{issuer="accounts"}': "0+0x3600",
    'rotator_revoke_unfinished{issuer="accounts"}': "0+0x3600",
    'rotator_gate_verdict{issuer="accounts",region="eu",verdict="pass"}': "1+0x3600",
    'rotator_clock_offset_seconds{issuer="accounts",region="eu"}': "-4+0x3600",
    'rotator_clock_error_seconds{issuer="accounts",region="eu"}': "0.5+0x3600",
    'rotator_errors_total{code="E_TARGET"}': "1+0x3600",
    'rotator_errors_total{code="E_LEASE_HELD"}': "0+1x3600",
    'rotator_notices_total{target="ops",outcome="told"}': "1+0x3600",
    'rotator_notices_total{target="ops",outcome="failed"}': "0+0x3600",
}
"""A minute a sample, sixty hours of them, in which nothing is wrong."""

TROUBLE: dict[str, tuple[dict[str, str | None], str, str, dict[str, str]]] = {
    # what is otherwise than well; not yet, then; the labels of the alert
    "RotatorRevokeUnfinished": (
        {'rotator_revoke_unfinished{issuer="accounts"}': "1+0x3600"},
        "9m",
        "11m",
        {"issuer": "accounts"},
    ),
    "RotatorForeignKey": (
        {'rotator_foreign_keys{issuer="accounts",region="eu"}': "_x4 1+0x3600"},
        "3m",
        "5m",
        {"issuer": "accounts", "region": "eu"},
    ),
    "RotatorOverdue": (
        {'rotator_overdue_seconds{issuer="accounts"}': "172801+60x3600"},
        "14m",
        "16m",
        {"issuer": "accounts"},
    ),
    "RotatorApplyTooOld": (
        {'rotator_last_apply_timestamp_seconds{issuer="accounts"}': "0+0x3600"},
        "48h",
        "49h",
        {"issuer": "accounts"},
    ),
    "RotatorDown": (
        {'up{job="rotator"}': "1+0x60 0+0x3600"},
        "70m",
        "80m",
        {"job": "rotator"},
    ),
    "RotatorGateClosed": (
        {
            'rotator_blocked_waits{issuer="accounts",region="eu",reason_code="not_seen"}': "1+0x3600",
        },
        "5h",
        "7h",
        {"issuer": "accounts", "region": "eu", "reason_code": "not_seen"},
    ),
    "RotatorRegionFails": (
        {'rotator_gate_verdict{issuer="accounts",region="eu",verdict="fail"}': "1+0x3600"},
        "25m",
        "35m",
        {"issuer": "accounts", "region": "eu"},
    ),
    "RotatorRegionUnknown": (
        {'rotator_gate_verdict{issuer="accounts",region="eu",verdict="unknown"}': "1+0x3600"},
        "1h",
        "3h",
        {"issuer": "accounts", "region": "eu"},
    ),
    "RotatorClockApart": (
        {'rotator_clock_offset_seconds{issuer="accounts",region="eu"}': "-6+0x3600"},
        "10m",
        "20m",
        {"issuer": "accounts", "region": "eu"},
    ),
    "RotatorErrors": (
        {'rotator_errors_total{code="E_TARGET"}': "0+0x60 2+0x600 3+0x3600"},
        "10h",
        "15h",
        {"code": "E_TARGET"},
    ),
    "RotatorNoticesFail": (
        {'rotator_notices_total{target="ops",outcome="failed"}': "0+1x3600"},
        "50m",
        "70m",
        {"target": "ops"},
    ),
}
"""What each alert is for."""


def promtool(*arguments: str | Path) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def case(
    series: Mapping[str, str | None], alerts: list[tuple[str, str, list[Any]]]
) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values}
            for name, values in {**WELL, **series}.items()
            if values is not None
        ],
        "alert_rule_test": [
            {"eval_time": time, "alertname": name, "exp_alerts": expected}
            for name, time, expected in alerts
        ],
    }


def play(folder: Path, cases: list[dict[str, Any]]) -> None:
    """Play them under promtool, without the annotations, whose words may change."""
    bare = yaml.safe_load(ALERTS.read_text("utf-8"))
    for rule in bare["groups"][0]["rules"]:
        del rule["annotations"]
    (folder / "alerts.yaml").write_text(yaml.safe_dump(bare))
    tests = {"rule_files": ["alerts.yaml"], "evaluation_interval": "5m", "tests": cases}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests))
    promtool("test", "rules", folder / "tests.yaml")


def test_promtool_accepts_the_file() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", ALERTS)


def test_every_alert_is_played() -> None:
    assert set(TROUBLE) == {rule["alert"] for rule in RULES}


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    quiet: list[tuple[str, str, list[Any]]] = [
        (name, time, []) for name in TROUBLE for time in ("30m", "24h", "60h")
    ]
    play(tmp_path, [case({}, quiet)])


def test_each_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in RULES}
    cases = []
    for name, (series, early, late, labels) in TROUBLE.items():
        fires = [{"exp_labels": labels | {"severity": severities[name]}}]
        cases.append(case(series, [(name, early, []), (name, late, fires)]))
    play(tmp_path, cases)


def test_a_textfile_that_is_gone_is_a_rotator_that_is_down(tmp_path: Path) -> None:
    fires = [{"exp_labels": {"severity": "critical"}}]
    gone = {'rotator_build_info{version="1"}': None}
    play(tmp_path, [case(gone, [("RotatorDown", "3h", fires)])])


def test_a_clock_that_may_be_right_after_all_is_no_alarm(tmp_path: Path) -> None:
    unsure = {
        'rotator_clock_offset_seconds{issuer="accounts",region="eu"}': "-6+0x3600",
        'rotator_clock_error_seconds{issuer="accounts",region="eu"}': "3+0x3600",
    }
    play(tmp_path, [case(unsure, [("RotatorClockApart", "3h", [])])])


def test_a_reader_that_hears_some_things_is_no_alarm(tmp_path: Path) -> None:
    half = {
        'rotator_notices_total{target="ops",outcome="failed"}': "0+1x3600",
        'rotator_notices_total{target="ops",outcome="told"}': "0+1x3600",
    }
    play(tmp_path, [case(half, [("RotatorNoticesFail", "3h", [])])])


def test_what_is_scraped_is_what_promtool_calls_well_made() -> None:
    world = Regions()
    world.apply()
    metrics = Metrics()
    metrics.saw(observed(world.world(), status(world.world())))
    metrics.failed(["E_TARGET"])
    metrics.succeeded("apply", world.at())
    text = metrics.text(world.at())
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
