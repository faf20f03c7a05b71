"""Who a lease's holder is, and what can be known of it from here."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from rotator.process import Fate, Process, fate, started_at, this_process

ELSEWHERE = Process(host="other/1", boot="b-1", namespace="pid:[1]", pid=1, started="7")
ME = this_process()


@pytest.mark.parametrize(
    ("other", "known"),
    [
        (ME, Fate.ALIVE),
        (replace(ME, started="1"), Fate.GONE),
        (replace(ME, pid=2**22 + 1), Fate.GONE),
        (replace(ME, host="renamed"), Fate.ALIVE),
        (replace(ME, boot="earlier"), Fate.GONE),
        (replace(ME, boot="earlier", host="other"), Fate.UNKNOWN),
        (replace(ME, boot="earlier", namespace="pid:[1]"), Fate.UNKNOWN),
        (replace(ME, namespace="pid:[1]"), Fate.UNKNOWN),
        (replace(ME, boot=""), Fate.UNKNOWN),
        (ELSEWHERE, Fate.UNKNOWN),
    ],
    ids=[
        "itself",
        "pid reused",
        "no such pid",
        "machine renamed",
        "rebooted",
        "other machine",
        "other container, rebooted",
        "other container",
        "nothing known",
        "elsewhere",
    ],
)
def test_the_fate_of_a_holder(other: Process, known: Fate) -> None:
    assert fate(other, ME) is known


@pytest.mark.parametrize(
    ("other", "known"),
    [
        (ME, Fate.ALIVE),
        (replace(ME, pid=2**22 + 1), Fate.GONE),
        (replace(ME, boot="earlier"), Fate.UNKNOWN),
        (replace(ME, boot=""), Fate.UNKNOWN),
    ],
    ids=["itself", "no such pid", "a clone that booted at another time", "nothing known"],
)
def test_machines_from_one_image_are_not_told_apart_by_name(other: Process, known: Fate) -> None:
    assert fate(other, ME, by_name=False) is known


def test_without_a_boot_id_names_are_all_there_is() -> None:
    plain = replace(ME, boot="")
    assert fate(plain, plain) is Fate.ALIVE
    assert fate(plain, plain, by_name=False) is Fate.UNKNOWN


def test_nobody_knows_whether_a_process_that_was_stopped_goes_on() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        other = replace(ME, pid=child.pid, started=started_at(child.pid) or "")
        assert fate(other, ME) is Fate.ALIVE
        child.send_signal(signal.SIGSTOP)
        while fate(other, ME) is Fate.ALIVE:
            time.sleep(0.01)
        assert fate(other, ME) is Fate.UNKNOWN
        child.send_signal(signal.SIGCONT)
        while fate(other, ME) is Fate.UNKNOWN:
            time.sleep(0.01)
        assert fate(other, ME) is Fate.ALIVE
    finally:
        child.kill()
        child.wait()
    assert fate(other, ME) is Fate.GONE


def test_without_proc_a_machine_is_known_by_its_name() -> None:
    plain = replace(ME, boot="", namespace="")
    assert fate(plain, plain) is Fate.ALIVE
    assert fate(replace(plain, host="other"), plain) is Fate.UNKNOWN


def test_a_process_that_ended_but_was_not_waited_for_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    try:
        while (started := started_at(child.pid)) is not None:
            assert started
    finally:
        child.wait()
