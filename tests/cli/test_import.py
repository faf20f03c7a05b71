"""`import` and `state import --from-regions` on file regions: what they print, how they exit, what the next run does."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from rotator.app.world import World
from rotator.domain.jwk import Algorithm, Jwk
from rotator.domain.jwks import own_entry, render
from rotator.jose.public import from_cryptography
from tests.cli.runner import Cli
from tests.fakes.probe import FakeProbe
from tests.render.schemas import valid
from tests.scenarios.strangers import stranger

KID = "-key of 2024"
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = Jwk(KID, Algorithm.ES256, from_cryptography(KEY.public_key()))
SET = render([stranger("beside"), own_entry(JWK)])
URL = "https://old.example.com/jwks.json"


@pytest.fixture
def old(cli: Cli) -> Cli:
    """A folder with a key set that both regions serve, and its private key."""
    for region in ("us-east-1", "eu-central-1"):
        path = cli.folder / "regions" / region / "accounts" / "jwks.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(SET)
    (cli.folder / "jwks.json").write_bytes(SET)
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (cli.folder / "key.pem").write_bytes(pem)
    return cli


def line(old: Cli, *more: str, **changes: str | Path) -> list[str]:
    given: dict[str, str | Path] = {
        "jwks": old.folder / "jwks.json",
        "active": KID,
        "private_key": old.folder / "key.pem",
    }
    options = [
        word
        for name, value in (given | changes).items()
        if value
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    return ["import", "accounts", *options, *more]


def state(old: Cli) -> list[Any]:
    return list(json.loads(old.ok("state", "show"))["issuers"])


def test_a_takeover_from_the_first_look_to_the_first_rotation(old: Cli) -> None:
    said = old.ok(*line(old, "--yes"))
    assert f"signs on   {KID}  ES256" in said
    assert "served on  beside" in said
    assert "rotator release accounts" in said
    assert "0 key" not in old.ok("plan")
    assert "go on signing with" in old.ok("apply", "--yes")
    signing = json.loads((old.folder / "regions/us-east-1/accounts/signing.json").read_text())
    assert signing["active"]["kid"] == KID
    old.ok("release", "accounts")
    old.ok("apply", "--yes")
    served = json.loads((old.folder / "regions/us-east-1/accounts/jwks.json").read_text())["keys"]
    assert [key["kid"] for key in served][::2] == [KID, "beside"]


def test_it_asks(old: Cli) -> None:
    refused = old.run(*line(old), answer="n\n")
    assert (refused.code, "E_DECLINED" in refused.err) == (1, True)
    assert "signs on" in refused.out
    assert state(old) == []
    assert old.run(*line(old), answer="y\n").code == 0
    assert len(state(old)) == 1


def test_json(old: Cli) -> None:
    document = json.loads(old.ok(*line(old, "--yes", "--json", until="+720h")))
    valid("import", document)
    assert document["active"]["kid"] == KID
    assert document["others"] == ["beside"]
    assert document["regions"] == {"us-east-1": "same", "eu-central-1": "same"}
    assert document["done"] is True


def test_json_asks_aside(old: Cli) -> None:
    asked = old.run(*line(old, "--json"), answer="y\n")
    assert json.loads(asked.out)["done"] is True
    assert "Take it over?" in asked.err


@pytest.mark.parametrize("given", [b"opens", b"opens\n", b"opens\r\n"])
def test_a_key_behind_a_passphrase(old: Cli, given: bytes) -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"opens"))
    (old.folder / "key.pem").write_bytes(pem)
    refused = old.run(*line(old, "--yes"))
    assert (refused.code, "--passphrase-file" in refused.err) == (1, True)
    (old.folder / "passphrase").write_bytes(given)
    old.ok(*line(old, "--yes", passphrase_file=old.folder / "passphrase"))


class TestFromAUrl:
    def probing(self, old: Cli, body: bytes | None) -> None:
        probe = FakeProbe(old.clock)
        probe.serve(URL, lambda: body)

        def wired(world: World) -> World:
            return replace(world, probe=probe)

        old.wiring = wired

    def test_it_is_fetched(self, old: Cli) -> None:
        self.probing(old, SET)
        old.ok(*line(old, "--yes", jwks=URL))

    def test_private_keys_there_are_a_leak(self, old: Cli) -> None:
        leaking = json.loads(SET)
        leaking["keys"][0]["d"] = "c2VjcmV0"
        self.probing(old, json.dumps(leaking).encode())
        refused = old.run(*line(old, "--yes", jwks=URL))
        assert (refused.code, refused.err.split()[0]) == (1, "E_IMPORT")
        assert "everybody can read" in refused.err
        assert "c2VjcmV0" not in refused.err

    def test_a_url_that_answers_nothing_useful(self, old: Cli) -> None:
        self.probing(old, None)
        assert "status 404" in old.run(*line(old, "--yes", jwks=URL)).err

    def test_a_url_that_does_not_answer(self, old: Cli) -> None:
        self.probing(old, SET)
        assert "no answer" in old.run(*line(old, "--yes", jwks="https://gone.example.com/")).err

    @pytest.mark.parametrize(
        "url", ["http://old.example.com/jwks.json", "ftp://localhost/jwks.json"]
    )
    def test_a_url_on_which_somebody_could_put_a_key_into_the_set(self, old: Cli, url: str) -> None:
        refused = old.run(*line(old, "--yes", jwks=url))
        assert (refused.code, "only https" in refused.err) == (64, True)

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("https://[old.example.com/", "neither a file nor a URL"),
            ("https://old.example.com:port/", "neither a file nor a URL"),
            ("https://ann:c2VjcmV0@old.example.com/", "must not hold a user or a password"),
        ],
    )
    def test_a_url_that_is_none_or_says_too_much(self, old: Cli, url: str, words: str) -> None:
        refused = old.run(*line(old, "--yes", jwks=url))
        assert (refused.code, words in refused.err) == (64, True)
        assert "c2VjcmV0" not in refused.err

    def test_a_url_of_this_host(self, old: Cli) -> None:
        self.probing(old, SET)
        refused = old.run(*line(old, "--yes", jwks="http://127.0.0.1:1/jwks.json"))
        assert "no answer" in refused.err


@pytest.mark.parametrize(
    ("changes", "exit_code", "code", "words"),
    [
        ({"private_key": ""}, 64, "E_USAGE", "exactly one"),
        ({"kms_key": "arn:aws:kms:us-east-1:111122223333:key/1"}, 64, "E_USAGE", "exactly one"),
        ({"private_key": "", "kms_key": "arn:aws:kms:x"}, 1, "E_KEY_STORE", "files"),
        ({"jwks": "nothing.json"}, 64, "E_USAGE", "cannot be read"),
        ({"private_key": "nothing.pem"}, 64, "E_USAGE", "cannot be read"),
        ({"active": "another"}, 1, "E_IMPORT", "it holds beside, -key of 2024"),
        ({"active": "beside"}, 1, "E_IMPORT", "it belongs to -key of 2024"),
        ({"activated_at": "2036-01-01T00:00:00Z"}, 64, "E_USAGE", "in the future"),
        ({"activated_at": "yesterday"}, 64, "E_USAGE", "no time"),
        ({"until": "2020-01-01T00:00:00Z"}, 64, "E_USAGE", "in the past"),
    ],
)
def test_refused(old: Cli, changes: dict[str, str], exit_code: int, code: str, words: str) -> None:
    refused = old.run(*line(old, "--yes", **changes))
    assert (refused.code, refused.err.split()[0]) == (exit_code, code), refused
    assert words in refused.err
    assert state(old) == []


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe", b"{}", b"-----BEGIN PRIVATE KEY-----\n"])
def test_junk_for_a_key(old: Cli, junk: bytes) -> None:
    (old.folder / "key.pem").write_bytes(junk)
    assert old.run(*line(old, "--yes")).err.startswith("E_IMPORT  the private key cannot be read")


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe", b"{}", b'{"keys":[5]}', b"<html>"])
def test_junk_for_a_set(old: Cli, junk: bytes) -> None:
    (old.folder / "jwks.json").write_bytes(junk)
    assert old.run(*line(old, "--yes")).err.startswith("E_IMPORT")


def test_since_when_it_signs_may_be_told_as_how_long_ago(old: Cli) -> None:
    assert "since Thu 2 Oct 2025" in old.ok(*line(old, "--yes", activated_at="91d"))


def test_the_private_half_is_nowhere_but_in_the_key_store(old: Cli) -> None:
    result = old.run(*line(old, "--yes", "--verbose"))
    old.ok("apply", "--yes")
    secret = KEY.private_numbers().private_value.to_bytes(32, "big")
    shapes = (
        secret,
        b64encode(secret).rstrip(b"="),
        urlsafe_b64encode(secret).rstrip(b"="),
        secret.hex().encode(),
    )
    given = {old.folder / "key.pem"}
    for path in (p for p in old.folder.rglob("*") if p.is_file() and p not in given):
        assert [shape for shape in shapes if shape in path.read_bytes()] == [], path
    assert [s for s in shapes if s in (result.out + result.err).encode()] == []
    pem = (old.folder / ".rotator/keys/accounts/1.pem").read_text()
    assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_a_second_time(old: Cli) -> None:
    old.ok(*line(old, "--yes"))
    assert "has keys of rotator's own already" in old.run(*line(old, "--yes")).err


def test_nobody_to_ask(old: Cli) -> None:
    assert "add --yes" in old.run(*line(old)).err
    assert "add --yes" in old.run("state", "import", "--from-regions").err


class TestStateFromRegions:
    @pytest.fixture
    def lost(self, cli: Cli) -> Cli:
        cli.first_keys()
        for path in (cli.folder / ".rotator").glob("state.db*"):
            path.unlink()
        return cli

    def test_says_what_it_believes(self, lost: Cli) -> None:
        said = lost.ok("state", "import", "--from-regions", "--yes")
        assert "the regions carry generation" in said
        assert "no state is left" in said
        assert [word for word in ("signs", "retired") if f"    {word}" in said] == [
            "signs",
            "retired",
        ]
        lost.ok("apply", "--yes")

    def test_asks(self, lost: Cli) -> None:
        assert lost.run("state", "import", "--from-regions", answer="no\n").code == 1
        asked = lost.run("state", "import", "--from-regions", answer="yes\n")
        assert (asked.code, "Believe this?" in asked.out) == (0, True)

    def test_never_replaces_a_state_that_is_as_new(self, cli: Cli) -> None:
        cli.first_keys()
        refused = cli.run("state", "import", "--from-regions", "--yes")
        assert (refused.code, refused.err.split()[0]) == (1, "E_STATE")
        said = cli.ok("state", "import", "--from-regions", "--yes", "--force")
        assert "the state is at" in said

    def test_a_foreign_key_is_asked_about_again(self, old: Cli) -> None:
        old.ok(*line(old, "--yes"))
        old.ok("apply", "--yes")
        said = old.ok("state", "import", "--from-regions", "--yes", "--force")
        assert "what was decided about it is forgotten; rotator adopt or rotator reject" in said

    @pytest.mark.parametrize(
        "words", [(), ("x.json", "--from-regions"), ("x.json", "--force"), ("--force",)]
    )
    def test_one_source_alone(self, cli: Cli, words: tuple[str, ...]) -> None:
        refused = cli.run("state", "import", "--yes", *words)
        assert (refused.code, "exactly one" in refused.err) == (64, True)
