"""The contract's documents as JSON Schemas, written by hand from contract §3 and what was added to it."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent.parent / "schemas"


def valid(name: str, document: Any) -> None:
    """Assert that a document is what the schema of that name describes."""
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    problems = [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(document)
    ]
    assert not problems, problems
