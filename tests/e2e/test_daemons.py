"""Daemons as processes: one that is asked for things, and two hosts over one state, of which exactly one works."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.clock import SystemClock
from tests.e2e.machine import TERM, Machine, Write, wait_for
from tests.e2e.place import REGIONS, Place, file_config
from tests.e2e.test_two_machines import DAY, BeginLife, Life, begin_life

__all__ = ["begin_life"]

pytestmark = pytest.mark.slow

DONE = 0
SECONDS: dict[str, Any] = {
    "rotate_every": "1h",
    "publish_lead": "10s",
    "access_token_lifetime": "20s",
    "refresh_token_lifetime": 0,
    "leeway": "1s",
    "max_clock_drift": "500ms",
    "signer_refresh": "1s",
    "signer_stop": "5s",
    "propagation": "1s",
    "edge_cache": "2s",
    "verifiers": [{"name": "demo", "add": "2s", "remove": "2s"}],
    "safety_margin": "1s",
    "run_every": "1s",
}


class Running:
    """A daemon in a process of its own, and what it serves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr
        self.said = ""
        self.url = re.search(r"serving (\S+)", self.heard("serving "))[1]  # type: ignore[index]

    def heard(self, words: str, patience_s: float = 60) -> str:
        """What it has said so far, once it has said that."""
        assert self.process.stderr
        until = time.monotonic() + patience_s
        while words not in self.said:
            left = until - time.monotonic()
            assert left > 0, self.said
            if select.select([self.process.stderr], [], [], left)[0]:
                more = os.read(self.process.stderr.fileno(), 65536).decode()
                assert more, self.said
                self.said += more
        return self.said

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path.removeprefix("/"), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def works(self) -> bool:
        """Whether it is ready, and its page shows keys."""
        shown = self.get("/status.json")[1]
        return self.get("/readyz")[0] == 200 and '"active": "' in shown


@contextmanager
def running(place: Place) -> Iterator[Running]:
    process = place.start("daemon")
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "place", file_config(**SECONDS), SystemClock())
    made.config["daemon"] = {"listen": "127.0.0.1:0", "apply": "1s", "verify_every": "1s"}
    made.write_config()
    return made


def test_one(place: Place) -> None:
    """A life in one go: it serves, refuses a bad configuration, takes a good one, and ends when it is asked to."""
    with running(place) as daemon:
        wait_for(daemon.works)
        status = json.loads(daemon.get("/status.json")[1])
        assert [key["phase"] for key in status["issuers"][0]["keys"]] == ["active", "published"]
        assert status["issuers"][0]["active"] in daemon.get("/")[1]
        assert "rotator_key_phase{" in daemon.get("/metrics")[1]
        assert daemon.get("/healthz")[0] == 200
        assert daemon.get("/", Host="evil.example")[0] == 403

        good = place.file.read_text()
        place.file.write_text(good.replace('"1h"', '"1 fortnight"'))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.heard("the new configuration is refused")
        assert "the new configuration is refused" in daemon.get("/readyz")[1]

        place.config["daemon"] |= {"token_env": "ROTATOR_TOKEN"}
        place.write_config()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.heard("$ROTATOR_TOKEN holds no token")

        token = place.folder / "token"
        token.write_text("correct-horse-battery-staple\n")
        token.chmod(0o600)
        del place.config["daemon"]["token_env"]
        place.config["daemon"] |= {"token_file": "token"}
        place.write_config()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.heard("the new configuration is in force")
        assert daemon.get("/")[0] == 401
        bearer = "Bearer correct-horse-battery-staple"
        wait_for(lambda: daemon.get("/", Authorization=bearer)[0] == 200)

        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(60) == DONE
    assert "nobody held it" in place.ok("state", "unlock")
    assert "Traceback" not in daemon.said


def test_killed_beside_another_on_the_same_machine(place: Place) -> None:
    """The second one on the same files goes on at once when the first is gone: its process can be asked for."""
    with running(place) as one, running(place) as other:
        wait_for(lambda: one.works() and other.works())
        for process in (one.process, other.process):
            assert process.poll() is None
        before = [key["kid"] for key in place.history()]
        assert len(before) == 2, "they did not both make keys"
        one.process.kill()
        one.process.wait(60)
        at = _succeeded(other)
        wait_for(lambda: _succeeded(other) > at)
        other.process.send_signal(signal.SIGINT)
        assert other.process.wait(60) == DONE
    place.ok("audit", "--verify")


def _succeeded(daemon: Running) -> str:
    """When its last apply went well, empty when none did."""
    runs = json.loads(daemon.get("/readyz")[1])["runs"]
    return str(runs.get("apply", {}).get("succeeded_at") or "")


DAEMON = {"listen": "127.0.0.1:0", "apply": "1s", "verify_every": "1h"}


def ended(machine: Machine) -> None:
    """SIGTERM ends it with 0."""
    os.kill(machine._process.pid, signal.SIGTERM)
    answer = machine.answer()
    assert answer.ran.code == DONE, answer.ran


def active(life: Life) -> set[str]:
    """The kids that the regions' signers are told to use."""
    bodies = [life.place.signing(name) for name in REGIONS]
    return {json.loads(body)["active"]["kid"] for body in bodies if body}


@pytest.mark.s3
def test_asked_to_stop_in_the_middle_of_a_switch(begin_life: BeginLife) -> None:
    """The stage under way is finished in every region, the lease given back, and the next run has what is left."""
    with begin_life(6) as life:
        life.place.config["daemon"] = DAEMON
        life.place.policy(run_every="1s")
        life.ok("apply", "--yes")
        first = active(life)
        life.clock.advance(11 * DAY)
        life.left.start("daemon", stop=Write("signing.json", 1))
        wait_for(lambda: life.left.stopped)
        os.kill(life.left._process.pid, signal.SIGTERM)
        life.left.go_on()
        answer = life.left.answer()
        assert answer.ran.code == DONE, answer.ran
        assert "stopped between two stages" in answer.ran.err
        assert life.watcher.lease() is None
        assert len(active(life)) == 1
        assert active(life).isdisjoint(first)
        life.agree("after the rest")


@pytest.mark.s3
@pytest.mark.parametrize("fate", ["stopped", "killed"])
def test_two_hosts(begin_life: BeginLife, fate: str) -> None:
    """One holds the lease and is stopped in the middle of a switch, or killed; the other takes over within a term."""
    with begin_life(5) as life:
        life.place.config["daemon"] = DAEMON
        life.place.policy(run_every="1s")
        life.ok("apply", "--yes")
        first = active(life)
        life.clock.advance(11 * DAY)
        life.left.start("daemon", stop=Write("signing.json", 1))
        wait_for(lambda: life.left.stopped)
        assert life.holds(life.left)
        if fate == "killed":
            life.left.kill()
        since = time.monotonic()
        life.right.start("daemon")
        wait_for(lambda: active(life).isdisjoint(first))
        assert time.monotonic() - since >= TERM.total_seconds()
        if fate == "stopped":
            life.left.go_on()
            ended(life.left)
        ended(life.right)
        if fate == "killed":
            life.left = life.left.again()
        life.clock.advance(DAY)
        life.agree("after the take-over")
        life.nothing_was_lost()
