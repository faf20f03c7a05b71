"""No file, however wrong, brings anything but ConfigError."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator.config.load import load
from rotator.errors import ConfigError
from tests.config.files import FINE, TEAM

WORDS = st.sampled_from(
    [line.split(":")[0].strip(" -{") for line in FINE.splitlines()]
    + [
        "kind",
        "s3",
        "add",
        "{issuer}",
        "30s",
        "kms",
        "kms-wrapped",
        "primary_region",
        "waves",
        "keys",
    ]
)
YAML = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=15,
)


@pytest.mark.parametrize("base", [FINE, TEAM])
@given(st.lists(st.tuples(st.integers(1), st.text(max_size=20) | WORDS), max_size=4))
def test_a_mangled_configuration_is_refused_or_loads(
    tmp_path_factory: pytest.TempPathFactory, base: str, changes: list[tuple[int, str]]
) -> None:
    text, lines = base, base.splitlines()[1:]
    for number, new in changes:
        line = lines[number % len(lines)]
        text = text.replace(line, line[: len(line) // 2] + new)
    never_crashes(tmp_path_factory.mktemp("mangled"), text)


@settings(max_examples=40)
@given(YAML)
def test_any_keys_state_and_waves_are_refused_or_load(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    document = yaml.safe_load(TEAM)
    for member in ("keys", "state"):
        document[member] |= data if isinstance(data, dict) else {"aws": data}
    document["policy"] |= {"waves": data}
    document["regions"]["two"]["aws"] = data
    never_crashes(tmp_path_factory.mktemp("kept"), yaml.safe_dump(document))


@settings(max_examples=50)
@given(YAML)
def test_any_data_is_refused_or_loads(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    folder = tmp_path_factory.mktemp("any")
    never_crashes(
        folder, yaml.safe_dump({"version": 1, "regions": data, "issuers": data, "policy": data})
    )
    never_crashes(folder, yaml.safe_dump(data))


def never_crashes(folder: Path, text: str) -> None:
    """Whatever stands in the file: it loads, or ConfigError says what is wrong with it, line by line."""
    path = folder / "rotator.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert all(line.startswith(f"{path}:") for line in problems_of(path))


def problems_of(path: Path) -> list[str]:
    try:
        load(path, {})
    except ConfigError as error:
        return error.detail.splitlines() or ["nothing is said"]
    return []
