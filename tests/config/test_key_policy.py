"""Key policies for KMS: which files are refused, with the line of the configuration and the words."""

from pathlib import Path

import pytest

from tests.config.files import assert_refused, issuers, keys, refused, team, write

POLICY = (
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}'
)
POLICIES = [
    ("no JSON", '{"Statement": [\n}', "policy.json is not JSON: Expecting value in line 2"),
    ("nothing", "", "policy.json is not JSON: Expecting value in line 1"),
    ("a list", "[]", "policy.json is no key policy: a mapping with a Statement expected"),
    ("no statement", '{"Version": "2012-10-17", "Statement": []}', "policy.json is no key policy"),
    (
        "a word for a statement",
        '{"Statement": ["x"]}',
        "policy.json: Statement[0]: a mapping expected, not 'x'",
    ),
    (
        "nobody",
        POLICY.replace('"Principal": "*", ', ""),
        "policy.json: Statement[0]: has no Principal, so it would have no effect",
    ),
    (
        "nothing to do",
        POLICY.replace("Action", "Actions"),
        "policy.json: Statement[0]: has no Action",
    ),
    (
        "too long",
        POLICY.replace("kms:*", "x" * 40_000),
        "policy.json is longer than the 32768 bytes that KMS",
    ),
    ("far too long", " " * 300_000, "policy.json is longer than the 32768 bytes that KMS takes"),
    ("deep", "[" * 100_000, "policy.json is no key policy: too deeply nested"),
    ("a long number", '{"Statement": ' + "9" * 5_000 + "}", "policy.json is no key policy"),
]


@pytest.mark.parametrize(
    ("content", "words"), [row[1:] for row in POLICIES], ids=[row[0] for row in POLICIES]
)
def test_a_key_policy_is_refused(tmp_path: Path, content: str, words: str) -> None:
    write(tmp_path, content, "policy.json")
    assert_refused(tmp_path, team(keys("policy_file: policy.json")), 3, words)


def test_a_key_policy_that_cannot_be_read(tmp_path: Path) -> None:
    text = team(keys("policy_file: policy.json"), issuers("regions: [one]"))
    (problem,) = refused(tmp_path, text)
    assert problem == "rotator.yaml:3: keys.policy_file: there is no file at policy.json"
    (tmp_path / "policy.json").write_bytes(b"\xff")
    assert_refused(tmp_path, text, 3, "policy.json is not UTF-8 text")
    (tmp_path / "policy.json").unlink()
    (tmp_path / "policy.json").mkdir()
    assert_refused(tmp_path, text, 3, "policy.json cannot be read: Is a directory")


def test_a_document_over_a_key_policy(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "policy.json")
    jwks = (
        '{kind: s3, bucket: jwks-one, key: "{issuer}/jwks.json"}',
        "{kind: file, path: policy.json}",
    )
    assert_refused(tmp_path, team(keys("policy_file: ./policy.json"), jwks), 9, "is a key policy")
