"""The section `daemon`: who may read what it serves, when it runs, and what is refused of both."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.cli.serving import schedule_of
from rotator.config.daemon import read_token
from rotator.config.settings import DaemonSpec
from rotator.config.show import show
from rotator.errors import ConfigError
from tests.config.files import FINE, loaded, refused

SECRET = "correct-horse-battery-staple"
LINE = 17
"""Of FINE, behind its last."""


def daemon(text: str) -> str:
    return FINE + f"daemon: {{{text}}}\n"


class TestShape:
    def test_defaults(self, tmp_path):
        spec = loaded(tmp_path, FINE).daemon
        assert (spec.host, spec.port, spec.apply) == ("127.0.0.1", 9464, "17 6 * * *")
        assert (spec.jitter, spec.verify_every) == (timedelta(minutes=10), timedelta(minutes=5))
        assert spec.where == ""

    def test_all_of_it(self, tmp_path):
        text = daemon(
            "listen: '[::]:80', apply: 6h, timezone: Europe/Berlin, jitter: 0, verify_every: 1m, token_file: t"
        )
        spec = loaded(tmp_path, text).daemon
        assert (spec.host, spec.port, spec.apply) == ("::", 80, "6h")
        assert spec.token_file == "t"
        assert spec.where == f"{tmp_path}/rotator.yaml:{LINE}"

    @pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:1", "'[::1]:1'", "localhost:1"])
    def test_this_machine_needs_no_token(self, tmp_path, listen):
        assert refused(tmp_path, daemon(f"listen: {listen}")) == []

    @pytest.mark.parametrize("listen", ["0.0.0.0:1", "'[::]:1'", "10.0.0.7:1", "example.com:1"])
    def test_others_need_one(self, tmp_path, listen):
        (problem,) = refused(tmp_path, daemon(f"listen: {listen}"))
        assert problem.startswith(f"rotator.yaml:{LINE}: daemon: listen: ")
        assert "can be reached by others" in problem
        for token in ("token_file: secret", "token_env: ROTATOR_TOKEN"):
            assert refused(tmp_path, daemon(f"listen: {listen}, {token}")) == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("timezone: Mars/Olympus", "a time zone such as Europe/Berlin expected"),
            ("timezone: ../../etc/passwd", "a time zone such as Europe/Berlin expected"),
            ("apply: 0s", "a cron line of five fields expected, or a duration"),
            ("apply: soon", "a cron line of five fields expected, or a duration"),
            ("verify_every: 0s", "verify_every"),
            ("token_env: 'a b'", "the name of a variable expected"),
            ("token_file: a, token_env: B", "exclude each other"),
            ("token: abc", "token"),
        ],
    )
    def test_refused(self, tmp_path, text, words):
        (problem,) = refused(tmp_path, daemon(text))
        assert words in problem
        assert f"rotator.yaml:{LINE}:" in problem

    def test_a_schedule_is_refused_with_its_own_line(self, tmp_path):
        text = FINE + "daemon:\n  timezone: UTC\n  listen: 127.0.0.1:1\n  apply: 25h\n"
        with pytest.raises(ConfigError) as caught:
            schedule_of(loaded(tmp_path, text))
        assert f"rotator.yaml:{LINE + 3}: daemon.apply: '25h' runs" in caught.value.detail

    def test_it_does_not_count_for_plans(self, tmp_path):
        assert loaded(tmp_path, FINE).digest == loaded(tmp_path, daemon("jitter: 1m")).digest

    def test_shown_where_it_is_written(self, tmp_path):
        assert "daemon" not in show(loaded(tmp_path, FINE))
        lines = show(loaded(tmp_path, daemon("jitter: 1m"))).splitlines()
        (line,) = [line for line in lines if line.strip().startswith("jitter")]
        assert line.split() == ["jitter", "1m", f"{tmp_path}/rotator.yaml:{LINE}"]


class TestSchedule:
    @pytest.mark.parametrize(
        ("what", "text", "gap"),
        [
            ("the default", FINE, timedelta(days=1)),
            ("twice a day", daemon("apply: '0 6,18 * * *'"), timedelta(hours=12)),
            ("a duration", daemon("apply: 6h"), timedelta(hours=6)),
            (
                "a policy that wants more than nobody wrote down",
                FINE.replace("policy:\n", "policy:\n  run_every: 90m\n"),
                timedelta(minutes=90),
            ),
        ],
    )
    def test_gap(self, tmp_path, what, text, gap):
        assert schedule_of(loaded(tmp_path, text)).gap == gap, what

    @pytest.mark.parametrize(
        ("what", "text", "words"),
        [
            (
                "working days",
                "apply: '0 6 * * 1-5'",
                "runs every 3 d at times, but run_every is 24 h",
            ),
            ("too rare", "apply: 25h", "runs every 25 h at times, but run_every is 24 h"),
            ("no such hour", "apply: '0 24 * * *'", "higher than the maximum value"),
            ("no such day", "apply: '0 0 30 2 *'", "there is no such day in any year"),
        ],
    )
    def test_refused(self, tmp_path, what, text, words):
        with pytest.raises(ConfigError) as caught:
            schedule_of(loaded(tmp_path, daemon(text)))
        assert words in caught.value.detail, what
        assert caught.value.detail.startswith(f"{tmp_path}/rotator.yaml:{LINE}: daemon.apply: ")


class TestToken:
    def from_file(self, folder: Path, content: bytes, mode: int = 0o600) -> str | None:
        path = folder / "token"
        path.write_bytes(content)
        path.chmod(mode)
        return read_token(DaemonSpec(token_file="token"), path, {})

    def test_none(self):
        assert read_token(DaemonSpec(), None, {"ROTATOR_TOKEN": SECRET}) is None

    def test_given(self, tmp_path):
        assert self.from_file(tmp_path, SECRET.encode() + b"\n") == SECRET
        spec = DaemonSpec(token_env="ROTATOR_TOKEN")
        assert read_token(spec, None, {"ROTATOR_TOKEN": SECRET}) == SECRET

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"short",
            b"with spaces in the middle",
            b"\xff" * 20,
            b"x" * 5000,
            "schlüssel".encode() * 4,
        ],
    )
    def test_refused_without_showing_it(self, tmp_path, content):
        with pytest.raises(ConfigError) as caught:
            self.from_file(tmp_path, content)
        shown = repr(caught.value.diagnostics())
        assert not content or content.decode(errors="replace") not in shown

    def test_not_set(self):
        with pytest.raises(ConfigError, match="ROTATOR_TOKEN holds no token"):
            read_token(DaemonSpec(token_env="ROTATOR_TOKEN"), None, {})

    def test_no_file(self, tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_token(DaemonSpec(token_file="no"), tmp_path / "no", {})

    @pytest.mark.parametrize("mode", [0o640, 0o604])
    def test_a_file_for_others(self, tmp_path, mode):
        with pytest.raises(ConfigError, match="can be read by others") as caught:
            self.from_file(tmp_path, SECRET.encode(), mode)
        assert caught.value.hint == f"chmod 600 {tmp_path}/token"
        assert SECRET not in repr(caught.value.diagnostics())
        assert os.access(tmp_path / "token", os.R_OK)
