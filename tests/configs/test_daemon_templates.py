"""The templates of `configs/daemon/`: accepted by their systems' own tools, and in agreement with what the daemon does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from rotator.cli.argv import hoist
from rotator.cli.exits import REFUSED, USAGE
from rotator.cli.run import COMMANDS
from rotator.cli.serving import schedule_of
from rotator.config.load import load
from tests.configs.test_ci_templates import BIN, ROOT, documents, run

FOLDER = ROOT / "configs" / "daemon"
SERVICE, DEPLOYMENT = FOLDER / "rotator-daemon.service", FOLDER / "kubernetes.yaml"
FOUND: dict[str, Any] = {document["kind"]: document for document in documents(DEPLOYMENT)}
POD = FOUND["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def settings_of(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


class TestSystemd:
    unit = settings_of(SERVICE.read_text("utf-8"))

    @pytest.mark.systemd
    def test_accepted(self, tmp_path):
        words = SERVICE.read_text("utf-8")
        here = tmp_path / SERVICE.name
        here.write_text(words.replace("/opt/rotator/bin/rotator", str(BIN / "rotator")), "utf-8")
        good = run("systemd-analyze", "verify", "--man=no", here)
        assert (good.returncode, good.stderr) == (0, "")

    @pytest.mark.systemd
    def test_hardened(self):
        words = ("--offline=true", "--no-pager", "--threshold=16")
        done = run("systemd-analyze", "security", *words, SERVICE)
        assert done.returncode == 0, done.stdout

    def test_as_hard_as_the_timer_s(self):
        other = settings_of((ROOT / "configs/ci/systemd/rotator.service").read_text("utf-8"))
        hard = [n for n in other if n.startswith(("Protect", "Private", "Restrict", "SystemCall"))]
        assert len(hard) > 10
        assert {name: self.unit[name] for name in hard} == {name: other[name] for name in hard}

    def test_it_ends_and_reloads_as_the_daemon_wants(self):
        assert self.unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
        assert "KillSignal" not in self.unit, "SIGTERM"
        codes = [int(code) for code in self.unit["RestartPreventExitStatus"][0].split()]
        assert codes == [USAGE, REFUSED]

    def test_command(self):
        words = shlex.split(self.unit["ExecStart"][0])
        assert Path(words[0]).name == "rotator"
        assert hoist(words[1:]).command == "daemon"


class TestKubernetes:
    def test_accepted(self):
        done = run(BIN / "kubernetes-validate", "--strict", "--no-warn", DEPLOYMENT)
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("passed for resource") == len(documents(DEPLOYMENT))

    def test_its_configuration_is_one_whose_token_it_gets(self, tmp_path):
        path = tmp_path / "rotator.yaml"
        path.write_text(FOUND["ConfigMap"]["data"]["rotator.yaml"], "utf-8")
        settings = load(path, {})
        assert settings.problems == ()
        assert schedule_of(settings).gap.days == 1
        secrets = [one["name"] for one in CONTAINER["env"] if "valueFrom" in one]
        assert secrets == [settings.daemon.token_env]
        assert CONTAINER["ports"][0]["containerPort"] == settings.daemon.port
        assert FOUND["Service"]["spec"]["ports"][0]["port"] == settings.daemon.port

    def test_command(self):
        assert hoist(CONTAINER["command"][1:]).command == "daemon"
        assert "daemon" in COMMANDS

    def test_probes(self):
        assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/readyz"

    def test_confined(self):
        assert POD["securityContext"]["runAsNonRoot"]
        confined = CONTAINER["securityContext"]
        assert confined["capabilities"] == {"drop": ["ALL"]}
        assert confined["readOnlyRootFilesystem"]
        assert not confined["allowPrivilegeEscalation"]

    def test_labels_agree(self):
        wanted = {"app.kubernetes.io/name": "rotator-daemon"}
        spec = FOUND["Deployment"]["spec"]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == wanted
        assert FOUND["Service"]["spec"]["selector"] == wanted
