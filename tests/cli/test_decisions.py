"""`adopt`, `reject` and `attest` on file regions: what they print, how they exit, and what the next run does."""

import json
from pathlib import Path

import pytest

from rotator.domain.jwks import Jwks, ServedKey, parse, render
from tests.cli.runner import CONFIG, Cli
from tests.scenarios.strangers import KID, stranger, unreadable

REGIONS = ("us-east-1", "eu-central-1")


def path(cli: Cli, region: str) -> Path:
    return cli.folder / "regions" / region / "accounts" / "jwks.json"


def served(cli: Cli, region: str) -> Jwks:
    document = parse(path(cli, region).read_bytes())
    assert isinstance(document, Jwks)
    return document


def plant(cli: Cli, region: str, *entries: ServedKey) -> None:
    path(cli, region).write_bytes(render([*served(cli, region).keys, *entries]))


def serving(cli: Cli, kid: str = KID) -> list[str]:
    return [region for region in REGIONS if kid in served(cli, region).kids()]


def test_adopt_then_reject(cli: Cli) -> None:
    cli.first_keys()
    plant(cli, "us-east-1", stranger())
    assert f"rotator adopt accounts {KID[:8]}" in cli.ok("plan")
    said = cli.ok("adopt", "accounts", KID[:8], "--reason", "the old gateway signs with it")
    assert said == f"{KID[:8]} is adopted: every region is to serve it. Next: rotator apply\n"
    cli.ok("apply", "--yes")
    assert serving(cli) == list(REGIONS)
    assert cli.run("plan", "--detailed-exitcode").code == 0
    said = cli.ok("reject", "accounts", KID)
    regions = "us-east-1, eu-central-1"
    assert said == f"{KID[:8]} is rejected: it leaves {regions}. Next: rotator apply\n"
    out = f"take {KID[:8]} out, which is not rotator's, 2 keys"
    assert out in cli.ok("plan")
    cli.ok("apply", "--yes")
    assert serving(cli) == []
    assert cli.ok("reject", "accounts", KID).endswith("no region's own document holds it\n")
    log = json.loads(cli.ok("audit", "--json"))
    events = [entry["event"] for entry in log["entries"]] if "entries" in log else str(log)
    assert "adopted" in events
    assert "rejected" in events


def test_adopt_until(cli: Cli) -> None:
    cli.first_keys()
    plant(cli, "us-east-1", stranger())
    said = cli.ok("adopt", "accounts", KID, "--until", "+36h")
    assert "every region is to serve it until Fri 2 Jan 2026, 18:17 UTC, in 36 h. Next:" in said


def test_a_key_of_a_kind_that_rotator_cannot_read(cli: Cli) -> None:
    cli.first_keys()
    plant(cli, "us-east-1", unreadable(KID))
    assert "rotator cannot read keys of its kind" in cli.ok("adopt", "accounts", KID)


def test_other_material_under_an_adopted_kid(cli: Cli) -> None:
    cli.first_keys()
    plant(cli, "us-east-1", stranger())
    cli.ok("adopt", "accounts", KID)
    cli.ok("apply", "--yes")
    kept = [entry for entry in served(cli, "eu-central-1").keys if entry.kid != KID]
    path(cli, "eu-central-1").write_bytes(render([*kept, stranger(number=2)]))
    name = KID[:8]
    assert cli.ok("reject", "accounts", KID) == (
        f"{name} is rejected: it leaves eu-central-1, {name} as it was adopted stays. Next: rotator apply\n"
    )


@pytest.mark.parametrize("kid", ["-hBcdEfgh", "--verbosely", "-"])
def test_a_kid_that_begins_with_a_dash(cli: Cli, kid: str) -> None:
    cli.first_keys()
    plant(cli, "us-east-1", stranger(kid))
    cli.ok("adopt", "accounts", kid)
    cli.ok("reject", "accounts", kid, "--reason", "--why--")


@pytest.mark.parametrize(
    ("line", "exit_code", "code"),
    [
        (("adopt", "accounts", "nobody's"), 1, "E_NO_SUCH_KEY"),
        (("reject", "accounts", "nobody's"), 1, "E_NO_SUCH_KEY"),
        (("adopt", "nobody", KID), 64, "E_USAGE"),
        (("adopt", "accounts", KID, "--until", "yesterday"), 64, "E_USAGE"),
        (("adopt", "accounts"), 64, "E_USAGE"),
        (("reject", "accounts", KID, "--reson", "typo"), 64, "E_USAGE"),
        (("attest", "accounts", KID, "--verifier", "gate", "--reason", "x"), 64, "E_USAGE"),
        (("attest", "accounts", KID, "--verifier", "gate"), 64, "E_USAGE"),
    ],
)
def test_refused(cli: Cli, line: tuple[str, ...], exit_code: int, code: str) -> None:
    cli.first_keys()
    refused = cli.run(*line)
    assert (refused.code, refused.err.split()[0]) == (exit_code, code), refused


def test_its_own_key(cli: Cli) -> None:
    cli.first_keys()
    refused = cli.run("reject", "accounts", served(cli, "us-east-1").keys[0].kid)
    assert (refused.code, refused.err.split()[0]) == (1, "E_DECISION")
    assert "runbooks/foreign-key.md" in refused.err


def test_attest(cli: Cli) -> None:
    gate = "policy: {verifiers: [{name: gate, add: unbounded, remove: unbounded}]}\n"
    cli.write_config(CONFIG + gate)
    cli.first_keys()
    standby = served(cli, "us-east-1").keys[1].kid
    said = cli.ok("attest", "accounts", standby, "--verifier", "gate", "--reason", "restarted all")
    assert said == (
        f"{standby[:8]} counts as known to every gate; what the switch still waits for: rotator plan\n"
    )
    (issuer,) = json.loads(cli.ok("state", "show"))["issuers"]
    assert issuer["attestations"][0]["verifier"] == "gate"
