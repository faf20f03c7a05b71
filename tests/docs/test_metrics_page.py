"""Metrics, alerts, dashboard and their pages speak of the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.app.notices import RUNBOOKS
from rotator.config.notify import MetricsModel, NotifyModel
from rotator.daemon.families import FAMILIES, exposed
from rotator.domain.notice import Course, Topic
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/metrics.md").read_text("utf-8")
NOTICES = (ROOT / "docs/notices.md").read_text("utf-8")
ALERTS = ROOT / "configs/prometheus/alerts.yaml"
DASHBOARD = ROOT / "configs/grafana/rotator.json"
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]
NAMES = {exposed(family) for family in FAMILIES}
_NAME = re.compile(r"\brotator_[a-z_]+")


def rows(page: str, columns: int) -> list[list[str]]:
    """The cells of every table row that begins with something in backquotes."""
    split = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in split if len(row) == columns]


def test_every_metric_stands_in_the_list_as_the_code_has_it() -> None:
    told = [[row[0].strip("`"), *row[1:]] for row in rows(PAGE, 4)]
    assert told == [
        [
            exposed(family),
            "counter" if family.counter else "gauge",
            ", ".join(f"`{label}`" for label in family.labels) or "–",
            family.help,
        ]
        for family in FAMILIES
    ]


def test_every_alert_stands_in_the_list_with_its_severity() -> None:
    told = {row[0].strip("`"): row[2] for row in rows(PAGE, 3) if row[0].startswith("`Rotator")}
    assert told == {rule["alert"]: rule["labels"]["severity"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_there_are_and_names_what_to_read(
    rule: dict[str, Any],
) -> None:
    asked = set(_NAME.findall(rule["expr"]))
    assert asked
    assert asked <= NAMES
    assert (ROOT / rule["annotations"]["runbook"]).is_file()
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    panels = dashboard["panels"]
    for panel in panels:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            asked = set(_NAME.findall(target["expr"]))
            assert asked, panel["title"]
            assert asked <= NAMES, panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_the_dashboard_s_panels_do_not_overlap() -> None:
    taken = [
        (x, y)
        for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_every_topic_and_course_is_explained() -> None:
    told = [row[0].strip("`") for row in rows(NOTICES, 2)]
    assert [topic.value for topic in Topic if topic.value in told] == [t.value for t in Topic]
    for course in Course:
        assert f"`{course.value}`" in NOTICES


def test_every_member_of_notify_is_explained() -> None:
    told = {name for row in rows(NOTICES, 2) for name in re.findall(r"`(\w+)`", row[0])}
    assert set(NotifyModel.model_fields) - {"allow_insecure"} <= told
    assert "`url`, `url_env`, `url_file`" in NOTICES
    assert f"{next(iter(MetricsModel.model_fields))}:" in PAGE


@pytest.mark.parametrize("topic", Topic)
def test_a_notice_names_a_page_that_there_is(topic: Topic) -> None:
    assert (ROOT / RUNBOOKS[topic]).is_file()


def test_the_examples_are_configurations(tmp_path: Path) -> None:
    from tests.config.files import FINE, refused

    for page in (PAGE, NOTICES):
        examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        ours = [one for one in examples if one.startswith(("notify:", "metrics:"))]
        assert ours
        assert [refused(tmp_path, FINE + one) for one in ours] == [[]] * len(ours)
