"""The section `audit`: what it says, and what is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.config.load import load
from rotator.config.settings import AuditSpec
from rotator.config.show import show
from rotator.errors import ConfigError
from tests.cli.runner import CONFIG


def spec(folder: Path, text: str) -> AuditSpec:
    path = folder / "rotator.yaml"
    path.write_text(CONFIG + text)
    return load(path, {"HOME": "/home/ann"}).audit


@pytest.mark.parametrize("text", ["", "audit:\n", "audit: {}\n"])
def test_without_a_key_there_are_no_checkpoints(tmp_path: Path, text: str) -> None:
    found = spec(tmp_path, text)
    assert (found.key, found.every, found.copies) == (None, timedelta(days=1), None)


def test_all_of_it(tmp_path: Path) -> None:
    text = (
        "audit: {checkpoint_key: ~/cp.pem, checkpoint_every: 1h, checkpoint_copies: /mnt/worm/cp}\n"
    )
    found = spec(tmp_path, text)
    wanted = AuditSpec("/home/ann/cp.pem", timedelta(hours=1), "/mnt/worm/cp", found.written)
    assert found == wanted
    shown = show(load(tmp_path / "rotator.yaml", {"HOME": "/home/ann"}))
    assert "audit\n  checkpoint_key     /home/ann/cp.pem" in shown


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("audit: {checkpoint_every: 0s}\n", "audit.checkpoint_every: must be longer than 0"),
        ("audit: {checkpoint_copies: cp.txt}\n", "checkpoint_copies needs a checkpoint_key"),
        ("audit: {checkpoint_key: keys/}\n", "must not end in /"),
        ("audit: {key: cp.pem}\n", "audit.key"),
    ],
)
def test_refused_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as error:
        spec(tmp_path, text)
    assert why in error.value.detail
    assert "rotator.yaml:13: " in error.value.detail


def test_it_is_no_part_of_what_a_plan_depends_on(tmp_path: Path) -> None:
    path = tmp_path / "rotator.yaml"
    path.write_text(CONFIG)
    before = load(path, {}).digest
    path.write_text(CONFIG + "audit: {checkpoint_key: cp.pem}\n")
    assert load(path, {}).digest == before
