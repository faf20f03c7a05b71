"""A KMS key policy from a file: JSON that says something, in one canonical form."""

import json
from pathlib import Path
from typing import Any, Final

from rotator.config.values import shown

_MAX_BYTES: Final = 32_768
"""KMS's quota "Key policy document size", which cannot be raised."""

_READ_MAX: Final = 8 * _MAX_BYTES
_MEMBERS: Final = (
    ("Effect",),
    ("Principal", "NotPrincipal"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
)
"""What a statement needs to have an effect (KMS developer guide, "Elements in a key policy")."""


def read_policy(path: Path) -> str:
    """The policy without layout, its members in order; raises ValueError in the words of the configuration."""
    policy = _parsed(path, _text(path))
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise ValueError(f"{path} is no key policy: a mapping with a Statement expected")
    for i, statement in enumerate(statements):
        if flaw := _flaw(statement):
            raise ValueError(f"{path}: Statement[{i}]: {flaw}")
    canonical = json.dumps(policy, sort_keys=True, separators=(",", ":"))
    if len(canonical) > _MAX_BYTES:
        raise ValueError(f"{path} is longer than the {_MAX_BYTES} bytes that KMS takes")
    return canonical


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_READ_MAX + 1)
    except FileNotFoundError:
        raise ValueError(f"there is no file at {path}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > _READ_MAX:
        raise ValueError(f"{path} is longer than the {_MAX_BYTES} bytes that KMS takes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def _parsed(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error.msg} in line {error.lineno}") from None
    except (ValueError, RecursionError):  # numbers of thousands of digits, lists in lists in lists
        raise ValueError(f"{path} is no key policy: too deeply nested") from None


def _flaw(statement: object) -> str | None:
    if not isinstance(statement, dict):
        return f"a mapping expected, not {shown(statement)}"
    missing = [names[0] for names in _MEMBERS if not statement.keys() & set(names)]
    return f"has no {missing[0]}, so it would have no effect" if missing else None
