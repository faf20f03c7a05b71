"""What `checks` of a region amount to."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rotator.config.schema import schema
from rotator.domain.checks import CanaryCheck, ClockCheck, HttpCheck, VerifierCheck
from tests.config.files import loaded, team

VALID = Draft202012Validator(schema())
URL = "https://one.example.com/accounts/jwks.json"

CASES = [
    ("a public URL", "{kind: http, url: '%s'}", HttpCheck(URL)),
    (
        "pinned edges, often",
        "{kind: http, url: '%s', resolve: [192.0.2.1, '2001:db8::1'], samples: 5}",
        HttpCheck(URL, ("192.0.2.1", "2001:db8::1"), 5),
    ),
    ("one verifier", "{kind: verifier, url: '%s'}", VerifierCheck((URL,))),
    (
        "several, of a kind",
        "{kind: verifier, urls: ['%s', 'http://b.example/'], covers: [old], allow_insecure: true}",
        VerifierCheck((URL, "http://b.example/"), ("old",), allow_insecure=True),
    ),
    ("the region's own clock", "{kind: clock}", ClockCheck()),
    ("a URL's clock", "{kind: clock, url: '%s'}", ClockCheck(URL)),
    (
        "time servers",
        "{kind: clock, ntp: 'time.example:1123'}",
        ClockCheck(ntp="time.example:1123"),
    ),
    ("a canary", "{kind: canary, url: '%s'}", CanaryCheck(URL)),
]


@pytest.mark.parametrize(("text", "check"), [row[1:] for row in CASES], ids=[r[0] for r in CASES])
def test_a_check(tmp_path: Path, text: str, check: object) -> None:
    written = text.replace("%s", "https://one.example.com/{issuer}/jwks.json")
    whole = team(
        (
            'checks: [{kind: http, url: "https://one.example.com/{issuer}/jwks.json"}]',
            f"checks: [{written}]",
        ),
        ("verifiers: [pyjwt]", "verifiers: [pyjwt, {name: old, add: unbounded}]"),
    )
    region = loaded(tmp_path, whole).issuers[0].regions[0]
    assert region.checks == (check,)
    assert region.urls == ((URL,) if isinstance(check, HttpCheck) else ())
    VALID.validate(yaml.safe_load(whole))


def test_what_a_plan_depends_on_includes_the_checks(tmp_path: Path) -> None:
    plain = loaded(tmp_path, team())
    clock = ("checks: [{kind: http", "checks: [{kind: clock}, {kind: http")
    assert loaded(tmp_path, team(clock)).digest != plain.digest
