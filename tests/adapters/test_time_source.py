"""NTP servers that lie, and what the kernel says of the host's clock."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from rotator.adapters.time_source import SystemTime
from rotator.adapters.time_source.kernel import read_timex
from rotator.adapters.time_source.packet import SIZE, question, read_answer
from rotator.ports import KernelClock, NoAnswer, NtpAnswer
from tests.servers.ntp import Manner, NtpServer, ntp_server
from tests.servers.process import free_port

_PATIENT = SystemTime()
_HURRIED = SystemTime(patience=timedelta(seconds=0.2))
_SLACK = timedelta(seconds=0.5)
"""What a machine under load may need between an answer and the next line of a test."""


def ask(server: NtpServer, source: SystemTime = _PATIENT) -> NtpAnswer:
    answer = source.ntp(server.name)
    assert isinstance(answer, NtpAnswer), answer
    return answer


def refused(manner: Manner, source: SystemTime = _PATIENT) -> str:
    with ntp_server(manner) as server:
        answer = source.ntp(server.name)
    assert isinstance(answer, NoAnswer), answer
    assert not answer.unreachable
    return answer.detail


# ------------------------------------------------------------------------------------ honest servers


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(minutes=3), timedelta(days=-400)])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_time_is_the_servers_at_the_moment_of_the_answer(host: str, ahead: timedelta) -> None:
    with ntp_server(Manner(ahead=ahead), host=host) as server:
        before = datetime.now(UTC)
        answer = ask(server)
        after = datetime.now(UTC)

    assert before - answer.error <= answer.time - ahead <= after + answer.error
    assert answer.error < _SLACK


def test_what_the_server_took_is_not_counted_as_the_way() -> None:
    with ntp_server(Manner(delay_s=0.3)) as server:
        answer = ask(server)

    assert answer.error < timedelta(seconds=0.15)


def test_a_slow_way_makes_the_error_larger() -> None:
    """What the server does not own up to was spent on the way, perhaps all of it in one direction."""
    with ntp_server() as server:
        server.manner = Manner(at=datetime(2027, 1, 1, tzinfo=UTC), delay_s=0.2)
        answer = ask(server)

    assert answer.error >= timedelta(seconds=0.1)
    assert answer.time >= datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=0.1)


def test_the_servers_own_distance_from_the_truth_counts() -> None:
    far = Manner(
        root_delay=timedelta(seconds=2), root_dispersion=timedelta(seconds=4), precision=-2
    )
    with ntp_server(far) as server:
        answer = ask(server)

    assert timedelta(seconds=5.25) <= answer.error < timedelta(seconds=5.25) + _SLACK


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2036, 2, 7, 6, 28, 15, 999_999, tzinfo=UTC),
        datetime(2036, 2, 7, 6, 28, 16, 1, tzinfo=UTC),
        datetime(2050, 6, 1, tzinfo=UTC),
    ],
)
def test_the_era_that_ends_in_2036_is_followed_by_another(moment: datetime) -> None:
    with ntp_server(Manner(at=moment)) as server:
        answer = ask(server)

    assert moment - timedelta(microseconds=1) <= answer.time < moment + _SLACK


def test_version_3_is_an_answer_too() -> None:
    with ntp_server(Manner(version=3)) as server:
        assert ask(server).error < _SLACK


def test_every_question_is_another_and_tells_nothing() -> None:
    with ntp_server() as server:
        ask(server)
        ask(server)

    first, second = server.asked
    assert first[:40] == second[:40] == bytes([0x23]) + bytes(39)
    assert first[40:] != second[40:]


def test_a_stray_packet_does_not_keep_the_answer_away() -> None:
    with ntp_server(Manner(stray_first=True)) as server:
        assert ask(server).error < _SLACK


# ------------------------------------------------------------------------------------ lies


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        (Manner(leap=3), "not synchronised (leap 3, stratum 2)"),
        (Manner(stratum=16), "not synchronised (leap 0, stratum 16)"),
        (Manner(stratum=255), "not synchronised (leap 0, stratum 255)"),
        (Manner(leap=3, stratum=0, reference=bytes(4)), "not synchronised (leap 3, stratum 0)"),
        (
            Manner(stratum=0, leap=3, reference=b"RATE"),
            "kiss-o'-death: RATE, it is asked too often",
        ),
        (Manner(stratum=0, reference=b"DENY"), "kiss-o'-death: DENY, it denies access"),
        (Manner(stratum=0, reference=b"RSTR"), "kiss-o'-death: RSTR, it denies access by its conf"),
        (Manner(stratum=0, reference=b"INIT"), "kiss-o'-death: INIT, it has not synchronised yet"),
        (Manner(stratum=0, reference=b"XYZ9"), "kiss-o'-death: XYZ9, a code of its own"),
        (Manner(stratum=0, reference=b"\x1b[2J"), "not synchronised (leap 0, stratum 0)"),
        (Manner(left_out=True), "left out when it received or answered"),
        (Manner(claimed=timedelta(hours=1)), "timestamps contradict how long its answer took"),
        (Manner(claimed=timedelta(hours=-1)), "timestamps contradict how long its answer took"),
        (Manner(precision=1), "coarser than a second"),
        (Manner(precision=127), "coarser than a second"),
    ],
)
def test_a_server_that_cannot_be_believed_gives_no_time(manner: Manner, why: str) -> None:
    assert why in refused(manner)


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        (Manner(silent=True), "the NTP server did not answer in time"),
        (Manner(origin=b"\1" * 8), "in time; an answer to another question came"),
        (Manner(origin=bytes(8)), "in time; an answer to another question came"),
        (Manner(mode=3), "in time; a packet of mode 3 and version 4 came"),
        (Manner(mode=5), "in time; a packet of mode 5 and version 4 came"),
        (Manner(version=7), "in time; a packet of mode 4 and version 7 came"),
        (Manner(size=47), "in time; a packet of 47 bytes came"),
        (Manner(size=0), "in time; a packet of 0 bytes came"),
        (Manner(instead=b"\xff" * 9000), "in time; a packet of mode 7 and version 7 came"),
    ],
)
def test_what_is_no_answer_to_the_question_is_waited_past(manner: Manner, why: str) -> None:
    assert why in refused(manner, _HURRIED)


def test_a_late_answer_is_none() -> None:
    assert refused(Manner(delay_s=0.4), _HURRIED) == "the NTP server did not answer in time"


# ------------------------------------------------------------------------------------ no server


def test_where_nobody_listens_is_unreachable() -> None:
    for host in ("127.0.0.1", "[::1]"):
        answer = _PATIENT.ntp(f"{host}:{free_port()}")
        assert answer == NoAnswer("no NTP server there: connection refused", unreachable=True)


@pytest.mark.parametrize(
    "server",
    [
        "",
        "two words",
        "host:",
        "host:0",
        "host:65536",
        "host:ntp",
        "[::1",
        "[host]",
        "[::1]:x",
        "a/b:1:2",
    ],
)
def test_what_is_no_server_is_said(server: str) -> None:
    answer = _PATIENT.ntp(server)

    assert isinstance(answer, NoAnswer)
    assert answer.detail.startswith("not an NTP server that can be asked: ")


def test_a_name_that_does_not_resolve_is_said() -> None:
    assert _PATIENT.ntp("nowhere.invalid") == NoAnswer("the NTP server's name does not resolve")


def test_a_name_is_resolved() -> None:
    with ntp_server() as server:
        answer = _PATIENT.ntp(f"localhost:{server.port}")

    assert isinstance(answer, NtpAnswer)


def test_where_nobody_may_be_asked_is_not_unreachable() -> None:
    """Broadcasts need a permission that the socket has not got."""
    answer = _PATIENT.ntp("127.255.255.255")

    assert answer == NoAnswer("the NTP server cannot be asked: Permission denied")


def test_questions_leave_no_threads() -> None:
    threads = threading.active_count()
    _HURRIED.ntp(f"localhost:{free_port()}")

    assert threading.active_count() == threads


# ------------------------------------------------------------------------------------ packets


def test_any_bytes_are_read_without_harm() -> None:
    nonce = b"question"
    for filler in range(256):
        for size in (0, 1, SIZE - 1, SIZE, SIZE + 20):
            packet = bytearray([filler] * size)
            packet[24:32] = nonce[: max(0, min(8, size - 24))]
            assert read_answer(bytes(packet), nonce, timedelta(seconds=1)) is not None


def test_a_coarse_clock_may_have_ticked_meanwhile() -> None:
    """Windows' ticks every 16 ms: its two timestamps can be further apart than the whole way was long."""
    tick = 1 << 26  # 2^-6 s
    nonce = b"question"
    stamps = struct.pack("!8s II II", nonce, 0xF0000000, 0, 0xF0000000, tick)
    head = struct.pack("!BBbb 4x 4x 4s 8x", 0x24, 2, 6, -6, b"LOCL")
    answer = read_answer(head + stamps, nonce, timedelta(milliseconds=1))

    assert isinstance(answer, NtpAnswer)
    assert answer.error == timedelta(milliseconds=15.625)


def test_the_question_is_48_bytes() -> None:
    assert len(question(b"12345678")) == SIZE


# ------------------------------------------------------------------------------------ the kernel


@pytest.mark.parametrize("long_size", [4, 8])
@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [
        pytest.param(0, 0x2001, True, id="PLL, nanoseconds"),
        pytest.param(1, 0x2011, True, id="a leap second will be inserted"),
        pytest.param(4, 0x2001, True, id="a leap second was inserted"),
        pytest.param(5, 0x0040, False, id="unsynchronised"),
        pytest.param(0, 0x0041, False, id="unsynchronised, whatever the call returned"),
        pytest.param(5, 0x1001, False, id="a fault of the clock's hardware"),
    ],
)
def test_the_kernels_struct_is_read(
    long_size: int, state: int, status: int, synchronised: bool
) -> None:
    layout = {4: "=Iiiiii", 8: "=I4xqqqqi"}[long_size]
    raw = struct.pack(layout, 0, -7, 123, 2_500, 40, status) + bytes(400)

    read = read_timex(raw, state, long_size)

    assert read == KernelClock(synchronised, timedelta(microseconds=2_500))


def test_this_hosts_kernel_agrees_with_what_it_tells_others() -> None:
    """glibc's ntp_gettime(3) reads the same clock by another struct: time, maxerror, esterror, tai."""
    script = (
        "import ctypes\n"
        "room = (ctypes.c_long * 16)()\n"
        "state = ctypes.CDLL(None).ntp_gettime(room)\n"
        "print(state, room[2])\n"
    )
    told = _PATIENT.kernel()
    if told is None:  # no such call here: then there is none for the other either
        assert sys.platform != "linux" or read_refused()
        return
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    state, max_error = (int(part) for part in run.stdout.split())

    assert told.synchronised == (state != 5)
    assert abs(told.max_error - timedelta(microseconds=max_error)) < timedelta(seconds=0.1)


def read_refused() -> bool:
    script = "import ctypes; print(ctypes.CDLL(None).ntp_gettime((ctypes.c_long * 16)()))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return run.stdout == b"-1\n"


def test_asking_imports_nothing_heavy() -> None:
    script = (
        "import sys, rotator.adapters.time_source;"
        "print({'ctypes', 'urllib3', 'ssl', 'asyncio'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert said.stdout == b"set()\n"
