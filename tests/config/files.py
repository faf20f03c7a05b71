"""Configurations for these tests: one that is fine, and a way to write one down and load it."""

from pathlib import Path

from rotator.config.load import load
from rotator.config.settings import Settings
from rotator.errors import ConfigError

FINE = """\
version: 1
policy:
  verifiers: [pyjwt]
regions:
  one:
    jwks: {kind: file, path: "one/{issuer}/jwks.json"}
    signing: {kind: file, path: "one/{issuer}/signing.json"}
    checks:
      - {kind: http, url: "https://one.example.com/{issuer}/jwks.json"}
  two:
    jwks: {kind: s3, bucket: jwks-two, key: "{issuer}/jwks.json"}
    signing: {kind: s3, bucket: signing-two, key: "{issuer}/signing.json"}
    checks:
      - {kind: http, url: "https://two.example.com/{issuer}/jwks.json"}
issuers:
  accounts: {url: "https://auth.example.com"}
"""

TEAM = """\
version: 1
state: {kind: s3, bucket: team-state, aws: {region: eu-central-1}}
keys: {kind: kms, primary_region: eu-central-1}
policy:
  verifiers: [pyjwt]
regions:
  one:
    aws: {region: eu-central-1}
    jwks: {kind: s3, bucket: jwks-one, key: "{issuer}/jwks.json"}
    signing: {kind: s3, bucket: signing-one, key: "{issuer}/signing.json"}
    checks: [{kind: http, url: "https://one.example.com/{issuer}/jwks.json"}]
  two:
    aws: {region: us-east-1}
    jwks: {kind: s3, bucket: jwks-two, key: "{issuer}/jwks.json"}
    signing: {kind: s3, bucket: signing-two, key: "{issuer}/signing.json"}
    checks: [{kind: http, url: "https://two.example.com/{issuer}/jwks.json"}]
issuers:
  accounts: {url: "https://auth.example.com"}
"""
WRAPPED = "{kind: kms-wrapped, primary_region: eu-central-1, wrapping_key: alias/wrap}"


def write(folder: Path, text: str, name: str = "rotator.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str) -> Settings:
    return load(write(folder, text), {"HOME": "/home/somebody"})


def refused(folder: Path, text: str) -> list[str]:
    """Every problem of a configuration, its path shortened to `rotator.yaml`; empty when it loads and is feasible."""
    try:
        lines = loaded(folder, text).problems
    except ConfigError as error:
        lines = tuple(error.detail.splitlines())
    return [line.replace(f"{folder}/", "") for line in lines]


JWKS_TWO = '{kind: s3, bucket: jwks-two, key: "{issuer}/jwks.json"}'
CHECK = '{kind: http, url: "https://one.example.com/{issuer}/jwks.json"}'
ISSUER = 'accounts: {url: "https://auth.example.com"}'


def instead(old: str, new: str) -> str:
    assert old in FINE
    return FINE.replace(old, new, 1)


def team(*changes: tuple[str, str]) -> str:
    text = TEAM
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def keys(members: str) -> tuple[str, str]:
    """A change of TEAM: its keys have these members too."""
    return "primary_region: eu-central-1}", f"primary_region: eu-central-1, {members}}}"


def wrapped() -> tuple[str, str]:
    """A change of TEAM: its keys are wrapped."""
    return "{kind: kms, primary_region: eu-central-1}", WRAPPED


def issuers(*members: str) -> tuple[str, str]:
    """A change of TEAM: further issuers, a, b, c …, with these members each."""
    more = "".join(
        f'  {name}: {{url: "https://{name}.example.com"{members_ and ", " + members_}}}\n'
        for name, members_ in zip("abcdef", members, strict=False)
    )
    return "issuers:\n", f"issuers:\n{more}"


def policy(line: str) -> str:
    return instead("policy:", f"policy:\n  {line}")


def issuer(members: str) -> str:
    return instead(ISSUER, f'accounts: {{url: "https://auth.example.com", {members}}}')


def jwks_two(members: str) -> str:
    return instead(
        JWKS_TWO, f'{{kind: s3, bucket: jwks-two, key: "{{issuer}}/jwks.json", {members}}}'
    )


def check_one(check: str) -> str:
    return instead(CHECK, check)


def assert_refused(folder: Path, text: str, line: int, words: str) -> None:
    """One of the problems stands on that line and has these words."""
    problems = refused(folder, text)
    fitting = [problem for problem in problems if words in problem]
    assert fitting, problems
    assert fitting[0].startswith(f"rotator.yaml:{line}: ")
