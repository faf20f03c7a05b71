"""`kill -9` before and after every journal entry and every write of an apply, in real processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.e2e.consumers import key_set
from tests.e2e.crashing import apply_at
from tests.e2e.failpoints import AFTER, BEFORE
from tests.e2e.place import REGIONS, Place, file_config
from tests.fakes.clock import START, FakeClock

pytestmark = pytest.mark.slow

KILLED = -9
LOST = 255  # what `multiprocessing` says of a child whose exit status its busy fork server did not catch
AT_ONCE = 3
DAY = timedelta(days=1)
APPLIES = {
    "the very first": (START,),
    "a switch and a new standby": (START, START + 91 * DAY),
    "a removal and a destruction": (START, START + 91 * DAY, START + 124 * DAY),
}
"""The moments of the applies that lead up to one, and its own."""


@dataclass(frozen=True)
class Case:
    """An apply that has something to do: the folder before it, and where it ends when nothing disturbs it."""

    template: Path
    now: datetime
    points: list[str]
    phases: list[str]
    pems: int

    def copy(self, folder: Path) -> Place:
        shutil.copytree(self.template, folder)
        return Place(folder, file_config(), FakeClock(self.now))


@pytest.fixture(scope="module", params=APPLIES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    *before, now = APPLIES[request.param]
    template = tmp_path_factory.mktemp("crash") / "before"
    place = Place(template, file_config())
    for earlier in before:
        place.clock = FakeClock(earlier)
        place.ok("apply", "--yes")
    undisturbed = Place(template.with_name("undisturbed"), file_config(), FakeClock(now))
    shutil.copytree(template, undisturbed.folder, dirs_exist_ok=True)
    points = rehearse(undisturbed, now)
    return Case(template, now, points, undisturbed.phases(), len(undisturbed.pems()))


def rehearse(place: Place, now: datetime) -> list[str]:
    """The points of a whole apply, in the very process that the crashes happen in."""
    words = [sys.executable, "-m", "tests.e2e.crashing", str(place.folder), now.isoformat()]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["summary"]["failed"] == 0
    points: list[str] = json.loads(done.stderr.splitlines()[-1])
    return points


def test_the_points_are_what_they_should_be(case: Case) -> None:
    """Guards the test itself: every kind of journal entry and write of this apply is among its points."""
    kinds = {point.partition("#")[0] for point in case.points}
    assert {"lease acquire", "evidence save", "state save", "lease release"} <= kinds
    writes = {f"{region} jwks write" for region in REGIONS}
    assert writes <= kinds
    if "removed" in case.phases:
        assert "keys destroy" in kinds
    else:
        assert "keys generate" in kinds
        assert {f"{region} signing write" for region in REGIONS} <= kinds


def test_kill_dash_nine_anywhere(case: Case, tmp_path: Path) -> None:
    # After a lease or evidence there is nothing else on disk than before what comes next.
    effects = [point for point in case.points if not point.startswith(("lease", "evidence"))]
    crashes = [*((p, BEFORE) for p in case.points), *((p, AFTER) for p in effects)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda n: crash(case, tmp_path / str(n), *crashes[n]), range(len(crashes)))
        places = list(done)
    for place, (point, when) in zip(places, crashes, strict=True):
        holds_at_once(place, f"killed {when} {point}")
        the_next_run_finishes(place, case, f"killed {when} {point}")


def crash(case: Case, folder: Path, point: str, when: str) -> Place:
    """A process that kills itself at the point: forked from a server that has read the modules already."""
    place = case.copy(folder)
    process = SERVER.Process(target=apply_at, args=(folder, case.now, point, when))
    process.start()
    process.join(60)
    assert process.exitcode in (KILLED, LOST), (point, when, process.exitcode)
    assert folder.with_suffix(".killed").exists(), (point, when, process.exitcode)
    return place


SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.e2e.preloaded"])


def holds_at_once(place: Place, after: str) -> None:
    """I1–I3 and I7 in the files as they lie there, read without rotator."""
    documents = {name: body for name in REGIONS if (body := place.jwks(name)) is not None}
    keys = {name: key_set(body) for name, body in documents.items()}
    signing = {name: body for name in REGIONS if (body := place.signing(name)) is not None}
    for name, body in signing.items():
        active = json.loads(body)["active"]
        assert len(keys) == len(REGIONS), after
        assert all(active["kid"] in found for found in keys.values()), (after, name)
        assert (place.folder / active["key"]["path"]).exists(), (after, name)


def the_next_run_finishes(place: Place, case: Case, after: str) -> None:
    place.clock = FakeClock(case.now + timedelta(minutes=1))
    applied = place.run("apply", "--yes")
    assert applied.code == 0, (after, applied)
    assert place.phases() == case.phases, after
    assert len(place.pems()) == case.pems, after
    kept = {str(key["generation"]) for key in place.history() if key["phase"] != "removed"}
    assert place.pems().keys() == kept, after
    place.ok("audit", "--verify")
    assert "nobody held it" in place.ok("state", "unlock"), after
    assert place.json("apply", "--yes")["results"] == [], after
    holds_at_once(place, f"finished after {after}")
    assert len({place.jwks(name) for name in REGIONS}) == 1, after
    leftovers = [path for path in place.folder.rglob("*") if ".new" in path.name]
    assert not [path for path in leftovers if path.is_file()], (after, leftovers)


def test_killed_from_outside(tmp_path: Path) -> None:
    """The same by another's hand, at moments that nobody chose: whole processes, SIGKILL after some milliseconds."""
    for number in range(8):
        place = Place(tmp_path / str(number), file_config())
        process = place.start("apply", "--yes")
        try:
            process.wait(0.3 + number * 0.12)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        holds_at_once(place, f"killed from outside, {number}")
        place.clock = FakeClock(datetime.now().astimezone() + timedelta(minutes=1))
        assert place.run("apply", "--yes").code == 0
        assert place.phases() == ["active", "published"]
        assert len(place.pems()) == 2
        place.ok("audit", "--verify")


def test_a_destroyed_key_is_gone_under_every_name(tmp_path: Path) -> None:
    """Killed between putting a new key in place and tidying up, a run leaves a second name of the file."""
    place = Place(tmp_path / "place", file_config())
    clock = FakeClock(START)
    place.clock = clock
    place.ok("apply", "--yes")
    first = place.pems()["1"]
    first.with_name(f".{first.name}.0123456789abcdef").hardlink_to(first)
    for days in (91, 33):
        clock.advance(days * DAY)
        place.ok("apply", "--yes")
    assert place.phases() == ["removed", "active", "published"]
    kept = {f"{key['generation']}.pem" for key in place.history() if key["phase"] != "removed"}
    assert {path.name for path in first.parent.iterdir()} == kept
