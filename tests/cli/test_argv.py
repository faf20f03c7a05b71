"""Global options anywhere on the line: a table of lines and what typer is handed."""

from typing import Any

import pytest

from rotator.cli.argv import COMMAND_VALUES, GLOBAL_FLAGS, GLOBAL_VALUES, hoist
from rotator.cli.run import COMMANDS, build

LINES = {
    "nothing": ("", ""),
    "in front": ("--config a plan", "--config a plan"),
    "behind": ("plan --config a", "--config a plan"),
    "with equals": ("plan --json --config=a", "--config=a plan --json"),
    "in a group": ("state --verbose export --issuer a", "--verbose --issuer a state export"),
    "repeated": ("--issuer a plan --issuer b", "--issuer a --issuer b plan"),
    "the value of another option": ("hold a --reason --verbose", "hold a --reason --verbose"),
    "a kid that looks like an option": (
        "token a --region r --kid --config --log-format json",
        "--log-format json token a --region r --kid --config",
    ),
    "a kid with a dash": ("token a --kid -abCdef --quiet", "--quiet token a --kid -abCdef"),
    "a kid like an option": (
        "adopt a --reason -x -hBcdEfgh --until=+1d --quiet",
        "--quiet adopt --reason -x --until=+1d -- a -hBcdEfgh",
    ),
    "a kid with two dashes": ("attest --verifier v a --bcdEf", "attest --verifier v -- a --bcdEf"),
    "a kid after --": ("reject -- a --help", "reject -- a --help"),
    "a flag that has a value elsewhere": (
        "history --jwks --issuer a --signed",
        "--issuer a history --jwks --signed",
    ),
    "a kid behind it": ("history --json -abCdef", "history --json -- -abCdef"),
    "help beside a kid": ("reject a -abCdef --help", "reject --help -- a -abCdef"),
    "help instead of a kid": ("reject -h", "reject -h"),
    "after --": ("plan -- --verbose", "plan -- --verbose"),
    "without its value": ("plan --config", "--config plan"),
    "a command's option without its value": ("plan --out", "plan --out"),
    "like one, but another": ("plan --verbosely", "plan --verbosely"),
}


@pytest.mark.parametrize("name", LINES)
def test_hoist(name: str) -> None:
    given, wanted = LINES[name]
    assert hoist(given.split()).words() == wanted.split()


@pytest.mark.parametrize(
    ("line", "wants"),
    [
        ("plan --json", True),
        ("plan", False),
        ("show -- --json", False),
        ("--json", True),
        ("hold --reason --json", False),
    ],
)
def test_wants_json(line: str, wants: bool) -> None:
    assert hoist(line.split()).wants_json is wants


def test_values_of_global_options() -> None:
    line = hoist(["plan", "--log-format", "text", "--log-format=json", "--config"])
    assert (line.value("--log-format"), line.value("--config"), line.value("--issuer")) == (
        "json",
        None,
        None,
    )


def test_the_tables_name_every_option_that_takes_a_value() -> None:
    """An option that is missing there would let its value be taken for a global option."""
    tree = build(None)
    found: set[str] = set()
    pending = _children(tree)
    while pending:
        command = pending.pop()
        pending += _children(command)
        found |= _options(command, flags=False)
    assert found == COMMAND_VALUES
    assert _options(tree, flags=False) == GLOBAL_VALUES
    assert _options(tree, flags=True) == GLOBAL_FLAGS | {
        "--install-completion",
        "--show-completion",
    }


def test_every_command_of_the_contract_that_exists_is_offered_and_no_other() -> None:
    tree = build(None)
    assert [command.name for command in _children(tree)] == list(COMMANDS)


def _children(command: Any) -> list[Any]:
    return list(getattr(command, "commands", {}).values())


def _options(command: Any, *, flags: bool) -> set[str]:
    options = [param for param in command.params if param.param_type_name == "option"]
    return {name for option in options if option.is_flag is flags for name in option.opts}
