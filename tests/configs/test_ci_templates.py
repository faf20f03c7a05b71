"""The templates of `configs/ci/`: each is what its system's published schema or own tool accepts, and its commands are rotator's."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from typer.core import TyperGroup

from rotator.cli import main
from rotator.cli.argv import hoist
from rotator.cli.exits import CLOSED, STALE, USAGE
from rotator.cli.run import build
from rotator.config.load import load
from tests.cli.runner import CONFIG

ROOT = Path(__file__).parents[2]
CI = ROOT / "configs" / "ci"
PAGE = ROOT / "docs" / "ci.md"
GITHUB, GITLAB, CRONJOB = (
    CI / "github-actions.yaml",
    CI / "gitlab-ci.yaml",
    CI / "kubernetes-cronjob.yaml",
)
SERVICE, TIMER = CI / "systemd" / "rotator.service", CI / "systemd" / "rotator.timer"
PUBLISH = CI / "publish.sh"
BIN = Path(sys.executable).parent


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def run(*argv: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, argv)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )


class TestSchemas:
    """Broken copies are refused, so that a schema which accepts everything would be noticed."""

    SCHEMAS = (
        (GITHUB, ("vendor.github-workflows",), ("runs-on: ubuntu-24.04", "runs-off: x")),
        (GITHUB, ("custom.github-workflows-require-timeout",), ("timeout-minutes: 45", "name: x")),
        (
            GITLAB,
            ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
            ("when: manual", "when: x"),
        ),
    )

    @pytest.mark.parametrize(("template", "schema", "breaks"), SCHEMAS, ids=lambda v: str(v)[-24:])
    def test_published_schemas(self, template, schema, breaks, tmp_path):
        words = template.read_text("utf-8")
        broken = tmp_path / template.name
        broken.write_text(words.replace(*breaks, 1), "utf-8")
        assert broken.read_text("utf-8") != words
        check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema)
        good = run(*check, template)
        assert good.returncode == 0, good.stdout
        assert run(*check, broken).returncode == 1

    def test_kubernetes(self, tmp_path):
        check = (BIN / "kubernetes-validate", "--strict", "--no-warn")
        good = run(*check, CRONJOB)
        assert good.returncode == 0, good.stdout
        assert good.stdout.count("passed for resource") == len(documents(CRONJOB))
        broken = tmp_path / CRONJOB.name
        broken.write_text(
            CRONJOB.read_text("utf-8").replace("jobTemplate:", "jobTemplates:"), "utf-8"
        )
        assert run(*check, broken).returncode != 0


@pytest.mark.systemd
class TestSystemd:
    def test_units(self, tmp_path):
        good = run("systemd-analyze", "verify", "--man=no", *self._installed(tmp_path))
        assert (good.returncode, good.stderr) == (0, "")
        service = tmp_path / SERVICE.name
        service.write_text(service.read_text("utf-8").replace("UMask=", "UnMask="), "utf-8")
        broken = run("systemd-analyze", "verify", "--man=no", service)
        assert "UnMask" in broken.stderr

    def test_hardened(self):
        done = run(
            "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=16", SERVICE
        )
        assert done.returncode == 0, done.stdout

    def test_calendar(self):
        moment = re.search(r"^OnCalendar=(.+)$", TIMER.read_text("utf-8"), re.MULTILINE)
        assert moment
        assert run("systemd-analyze", "calendar", moment[1]).returncode == 0

    @staticmethod
    def _installed(folder: Path) -> list[Path]:
        """The units with rotator where it is here: a unit whose program does not exist is refused."""
        for unit in (SERVICE, TIMER):
            words = unit.read_text("utf-8").replace(
                "/opt/rotator/bin/rotator", str(BIN / "rotator")
            )
            (folder / unit.name).write_text(words, "utf-8")
        return [folder / SERVICE.name, folder / TIMER.name]


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every command line of rotator's in the templates and on their page."""
    for path in (*CI.glob("*.yaml"), *CI.glob("*.sh"), *CI.glob("systemd/*"), PAGE):
        for line in path.read_text("utf-8").splitlines():
            for found in re.finditer(r"(?:(?<=[-=:(] )|(?<=[=`/])|^ *)rotator [a-z][^`#|)]*", line):
                words = found[0].split(" >", 1)[0].split(" ||", 1)[0].strip()
                if not line.lstrip().startswith("#") or "`rotator" in line:
                    yield path.name, shlex.split(words)
    for document in documents(CRONJOB):
        if document["kind"] == "CronJob":
            pod = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            for container in (*pod["initContainers"], *pod["containers"]):
                yield CRONJOB.name, container["command"]


LINES = sorted({(name, *words) for name, words in command_lines()})


class TestCommands:
    def test_they_were_found(self):
        found = {name: [line[2] for line in LINES if line[0] == name] for name, *_ in LINES}
        assert set(found) == {
            *(path.name for path in (GITHUB, GITLAB, CRONJOB, SERVICE, PUBLISH, PAGE))
        }
        for path in (GITHUB, GITLAB, CRONJOB, SERVICE):
            assert {"apply", "verify"} <= set(found[path.name])
        assert set(found[PUBLISH.name]) == {"plan", "apply"}

    @pytest.mark.parametrize("words", LINES, ids=" ".join)
    def test_rotator_understands_them(self, words):
        line = hoist(words[2:])
        tree = build(line.command)
        assert line.command is not None
        assert line.command in tree.commands
        with tree.make_context(
            "rotator", [*line.options, "--", line.command], resilient_parsing=True
        ):
            command = tree.commands[line.command]
            _parse(command, list(line.rest[1:]))

    def test_an_option_that_is_none_would_be_noticed(self):
        with pytest.raises(Exception, match="No such option: --wate"):
            _parse(build("verify").commands["verify"], ["--wate", "30m"])


def _parse(command: Any, words: list[str]) -> None:
    """Raise typer's usage error unless the command has these options and arguments; nothing is run."""
    if isinstance(command, TyperGroup):
        assert words
        _parse(command.commands[words[0]], words[1:])
    else:
        command.make_context(command.name, words).close()


class TestGithub:
    workflow = documents(GITHUB)[0]
    jobs = workflow["jobs"]

    def test_permissions_are_what_a_job_needs(self):
        assert self.workflow["permissions"] == {}
        for job in self.jobs.values():
            assert job["permissions"] == {"contents": "read", "id-token": "write"}

    def test_actions_are_pinned(self):
        uses = [
            step["uses"] for job in self.jobs.values() for step in job["steps"] if "uses" in step
        ]
        assert uses
        assert [name for name in uses if not re.fullmatch(r"[\w./-]+@v\d+(\.\d+)*", name)] == []

    def test_nothing_from_outside_is_put_into_a_script(self):
        scripts = [
            step["run"] for job in self.jobs.values() for step in job["steps"] if "run" in step
        ]
        assert [script for script in scripts if "${{" in script] == []

    def test_only_applying_jobs_get_the_appliers_role(self):
        for name, job in self.jobs.items():
            (role,) = [
                step["with"]["role-to-assume"]
                for step in job["steps"]
                if "configure-aws-credentials" in step.get("uses", "")
            ]
            applies = any(re.search("apply|publish", step.get("run", "")) for step in job["steps"])
            assert role == ("${{ env.APPLIER }}" if applies else "${{ env.PLANNER }}"), name

    def test_a_switch_stands_behind_the_gate_and_an_approval(self):
        promote = self.jobs["promote"]
        assert promote["environment"] == "rotator-promote"
        assert set(promote["needs"]) == {"publish", "gate"}
        assert "needs.gate.result == 'success'" in promote["if"]
        others = [name for name, job in self.jobs.items() if "apply --yes" in str(job["steps"])]
        assert others == ["promote"]


class TestGitlab:
    jobs = documents(GITLAB)[0]

    def test_a_switch_stands_behind_the_gate_and_a_button(self):
        assert self.jobs["stages"] == ["plan", "publish", "gate", "promote"]
        assert self.jobs["promote"]["rules"][0]["when"] == "manual"
        applies = [
            name
            for name, job in self.jobs.items()
            if isinstance(job, dict) and "rotator apply --yes" in job.get("script", [])
        ]
        assert applies == ["promote"]

    def test_no_two_apply_at_once(self):
        assert {self.jobs[name]["resource_group"] for name in ("publish", "promote")} == {"rotator"}

    def test_the_gate_reports(self):
        gate = self.jobs["gate"]
        assert gate["artifacts"]["reports"]["junit"] in gate["script"][0]
        assert gate["artifacts"]["when"] == "always"


class TestKubernetes:
    found: ClassVar = {document["kind"]: document for document in documents(CRONJOB)}

    def test_its_configuration_is_one(self, tmp_path):
        path = tmp_path / "rotator.yaml"
        path.write_text(self.found["ConfigMap"]["data"]["rotator.yaml"], "utf-8")
        settings = load(path, {})
        assert [issuer.name for issuer in settings.issuers] == ["accounts"]

    def test_one_at_a_time_and_confined(self):
        spec = self.found["CronJob"]["spec"]
        job = spec["jobTemplate"]["spec"]
        pod = job["template"]["spec"]
        assert (spec["concurrencyPolicy"], pod["restartPolicy"]) == ("Forbid", "Never")
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
        for container in (*pod["initContainers"], *pod["containers"]):
            confined = container["securityContext"]
            assert confined["capabilities"] == {"drop": ["ALL"]}
            assert confined["readOnlyRootFilesystem"]
            assert not confined["allowPrivilegeEscalation"]
            assert container["resources"]["limits"]["memory"]

    def test_what_is_of_no_use_to_try_again(self):
        rules = self.found["CronJob"]["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
        assert rules[0]["onExitCodes"]["values"] == [CLOSED, STALE, USAGE, 78]


def applied(place: Path) -> None:
    """What `apply --yes` does there, without a process of its own."""
    assert main(["--config", str(place / "rotator.yaml"), "apply", "--yes"]) == 0


class TestPublish:
    """`publish.sh` with the real rotator on folders: it publishes by itself, and never switches."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        (tmp_path / "rotator.yaml").write_text(CONFIG, "utf-8")
        return tmp_path

    @staticmethod
    def run(place: Path, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        done = run(*argv, PATH=path, ROTATOR_CONFIG=str(place / "rotator.yaml"))
        assert "Traceback" not in done.stderr
        return done

    @staticmethod
    def signs(place: Path) -> bool:
        return (place / "regions/us-east-1/accounts/signing.json").exists()

    def test_a_switch_is_left_to_whoever_approves_it(self, place):
        output = place / "output"
        done = self.run(place, PUBLISH, output)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == output.read_text().strip() == "switch=true"
        assert (
            len(json.loads((place / "regions/us-east-1/accounts/jwks.json").read_text())["keys"])
            == 2
        )
        assert not self.signs(place)
        applied(place)
        assert self.signs(place)
        assert self.run(place, PUBLISH).stdout.splitlines()[-1] == "switch=false"

    @pytest.mark.parametrize(
        ("steps", "applied", "says"),
        [
            ([], False, "switch=false"),
            ([("remove", "tokens_dead")], True, "switch=false"),
            ([("remove", "tokens_dead"), ("switch", "rotation_due")], False, "switch=true"),
            (
                [("switch", "switch_unfinished"), ("retire", "successor_active")],
                True,
                "switch=false",
            ),
        ],
    )
    def test_only_a_switch_that_begins_needs_an_approval(self, place, steps, applied, says):
        """Against a command that plans these steps once and notes what is applied."""
        listed = [{"kind": kind, "reason_code": code} for kind, code in steps]
        plans = [{"issuers": [{"steps": listed}]}, {"issuers": [{"steps": []}]}]
        for number, plan in enumerate(plans):
            (place / f"{number}.plan").write_text(json.dumps(plan))
        stand_in = place / "rotator"
        stand_in.write_text(
            f'#!/bin/sh\ncd "{place}"\n'
            'if [ "$1" = apply ]; then touch applied; else\n'
            'if [ -e applied ]; then cp 1.plan "$3"; else cp 0.plan "$3"; fi; fi\n'
        )
        stand_in.chmod(0o755)
        done = run(PUBLISH, PATH=f"{place}{os.pathsep}{os.environ['PATH']}")
        assert (done.returncode, done.stdout) == (0, f"{says}\n")
        assert (place / "applied").exists() == applied

    def test_what_was_damaged_is_repaired(self, place):
        applied(place)
        document = place / "regions/eu-central-1/accounts/jwks.json"
        before = document.read_bytes()
        document.write_text('{"keys":[]}')
        done = self.run(place, PUBLISH)
        assert (done.returncode, document.read_bytes()) == (0, before)

    def test_a_region_that_is_away_ends_with_three(self, place):
        applied(place)
        shutil.rmtree(place / "regions/eu-central-1/accounts")
        (place / "regions/eu-central-1/accounts").write_text("no folder any more")
        done = self.run(place, PUBLISH)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (CLOSED, "switch=false")

    def test_a_refused_configuration_ends_it(self, place):
        (place / "rotator.yaml").write_text("version: 2\n")
        done = self.run(place, PUBLISH)
        assert (done.returncode, "switch=" in done.stdout) == (78, False)
