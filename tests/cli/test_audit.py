"""`audit` and `history` as an operator and an auditor use them: exports, checkpoints, a cut log, another's key."""

import json
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.cli.runner import CONFIG, Cli
from tests.render.schemas import valid

AUDIT = "audit: {checkpoint_key: cp.pem, checkpoint_copies: copies.txt}\n"
TWO = '  payments: {url: "https://pay.example.com"}\n'


def write_key(folder: Path, name: str = "cp") -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / f"{name}.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    )
    (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(encoding, form))


@pytest.fixture
def signing(cli: Cli) -> Cli:
    """Two issuers whose runs sign checkpoints; a day has passed since the first."""
    write_key(cli.folder)
    cli.write_config(CONFIG + TWO + AUDIT)
    cli.first_keys()
    cli.clock.advance(timedelta(days=1))
    cli.ok("apply", "--yes")
    return cli


def cut(cli: Cli, after: int) -> None:
    """Somebody who can write the database takes the end of the log away, and the note of where it ended."""
    with sqlite3.connect(cli.folder / ".rotator/state.db") as connection:
        connection.execute("DELETE FROM audit WHERE number > ?", (after,))
        connection.execute(
            "UPDATE audit_head SET (number, digest) = (SELECT number, digest FROM audit WHERE number = ?)",
            (after,),
        )
    connection.close()


def numbers(cli: Cli) -> list[int]:
    """Which records hold checkpoints."""
    records = json.loads(cli.ok("audit", "--json"))["records"]
    return [record["number"] for record in records if record["event"] == "checkpoint"]


def test_a_day_has_one_checkpoint_and_a_copy_of_each_is_elsewhere(signing: Cli) -> None:
    assert len(numbers(signing)) == 2
    copies = (signing.folder / "copies.txt").read_text()
    assert signing.ok("audit", "--checkpoint-out", "-") == copies
    assert len(copies.splitlines()) == 2
    assert "wrote 2 checkpoints" in signing.ok("audit", "--checkpoint-out", signing.folder / "c")
    assert (signing.folder / "c").read_text() == copies


def test_the_log_is_proven_with_its_own_key_and_with_an_auditors(signing: Cli) -> None:
    assert "2 checkpoints, signed; the newest covers" in signing.ok("audit", "--verify")
    public = signing.folder / "cp.pub"
    assert "2 checkpoints, signed" in signing.ok(
        "audit", "--verify", "--checkpoint-public-key", public
    )
    document = json.loads(signing.ok("audit", "--verify", "--json"))
    valid("audit", document)
    assert (document["proof"]["checkpoints"], document["proof"]["faults"]) == (2, [])


def test_another_key_is_not_believed(signing: Cli) -> None:
    write_key(signing.folder, "other")
    result = signing.run(
        "audit", "--verify", "--checkpoint-public-key", signing.folder / "other.pub"
    )
    assert (result.code, result.out.count("is not signed by this key")) == (1, 2)


def test_an_export_is_proven_without_the_state(signing: Cli) -> None:
    path, total = (
        signing.folder / "log.jsonl",
        len(json.loads(signing.ok("audit", "--json"))["records"]),
    )
    assert f"exported {total} records" in signing.ok("audit", "--export", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing.ok("audit", "--export", "-") == path.read_text()
    signing.config.unlink()
    public = signing.folder / "cp.pub"
    proven = signing.ok("audit", "--verify", "--log", path, "--checkpoint-public-key", public)
    assert f"chain whole: {total} records" in proven
    assert "chain whole" in signing.ok("audit", "--verify", "--log", path)
    path.write_text(path.read_text().replace('"no_standby"', '"new_key"'))
    broken = signing.run("audit", "--verify", "--log", path)
    assert (broken.code, "the chain breaks at record" in broken.out) == (1, True)


def test_a_filtered_export_keeps_the_chain(signing: Cli) -> None:
    path = signing.folder / "log.jsonl"
    told = signing.ok("audit", "--issuer", "payments", "--export", path)
    assert "of them without their content" in told
    assert '"accounts"' not in path.read_text()
    assert "chain whole" in signing.ok("audit", "--verify", "--log", path)
    assert "2 checkpoints" in signing.ok("audit", "--verify", "--log", path)
    signing.ok("audit", "--since", "1h", "--export", path)
    assert "nothing is known of those before" in signing.ok("audit", "--verify", "--log", path)
    since = json.loads(signing.ok("audit", "--since", "1h", "--json"))["records"]
    assert [record["event"] for record in since] == ["checkpoint"]


def test_a_log_that_was_cut_shows_against_what_was_kept(signing: Cli) -> None:
    kept, public = signing.folder / "log.jsonl", signing.folder / "cp.pub"
    signing.ok("audit", "--export", kept)
    first, last = numbers(signing)
    assert "still there as they were" in signing.ok("audit", "--verify", "--against", kept)
    cut(signing, first)
    assert signing.run("audit", "--verify").code == 0, "by itself it cannot know"
    told = {
        kept: f"the log ends with record {first}",
        signing.folder / "copies.txt": f"the checkpoint of record {first} was kept and is gone",
    }
    for held, why in told.items():
        result = signing.run(
            "audit", "--verify", "--against", held, "--checkpoint-public-key", public
        )
        assert (result.code, why in result.out) == (1, True), result
    signing.clock.advance(timedelta(days=1))
    signing.ok("apply", "--yes")
    result = signing.run("audit", "--verify", "--against", kept)
    assert (result.code, "the log was written anew" in result.out) == (1, True)
    assert last > first


REFUSED = {
    "audit --against log.jsonl": "go with --verify",
    "audit --checkpoint-public-key cp.pub": "go with --verify",
    "audit --log log.jsonl --export -": "exclude each other",
    "audit --json --export -": "neither together nor with",
    "audit --json --checkpoint-out -": "neither together nor with",
    "audit --verify --export -": "neither together nor with",
    "audit --export - --checkpoint-out -": "neither together nor with",
    "audit --since yesterday": "--since is no time",
    "audit --log none": "cannot be read",
    "audit --log empty": "it is empty",
    "audit --log junk": "line 1: ",
    "audit --log copies.txt": "checkpoints only",
    "audit --verify --against gap": "lines are missing",
    "audit --verify --checkpoint-public-key cp.pem": "no Ed25519 public key",
    "history --signed": "goes with --jwks",
    "history abcdef --jwks": "neither KID nor --json",
    "history --jwks": "add --issuer NAME",
}


def test_refused(signing: Cli) -> None:
    lines = signing.ok("audit", "--export", "-").splitlines()
    files = {"empty": "\n", "junk": "junk\n", "gap": f"{lines[0]}\n{lines[2]}\n"}
    for name, text in files.items():
        (signing.folder / name).write_text(text)
    places = {path.name: path for path in signing.folder.iterdir()}
    places["none"] = signing.folder / "none"
    for line, why in REFUSED.items():
        result = signing.run(*(places.get(word, word) for word in line.split()))
        told = result.out if "--json" in line else result.err
        assert (result.code, why in told) == (64, True), (line, result)


def test_a_lost_checkpoint_key_stops_nothing(signing: Cli) -> None:
    (signing.folder / "cp.pem").unlink()
    signing.clock.advance(timedelta(days=2))
    done = signing.run("apply", "--yes")
    assert (done.code, "the audit log's checkpoint" in done.err) == (0, True)
    checked = signing.run("audit", "--verify")
    assert (checked.code, "signatures not verified" in checked.out) == (0, True)


def test_one_key_and_its_story(signing: Cli) -> None:
    issuer = json.loads(signing.ok("history", "--json"))["issuers"][0]
    kid = issuer["keys"][0]["kid"]
    assert signing.run("history", "-zzzzz").err.split()[0] == "E_NO_SUCH_KEY"
    assert f"{kid} · accounts · ES256 · active" in signing.ok("history", kid[:6])
    document = json.loads(signing.ok("history", kid[:6], "--json"))
    valid("history", document)
    assert [key["kid"] for key in document["issuers"][0]["keys"]] == [kid]
    assert document["issuers"][0]["keys"][0]["events"] == issuer["keys"][0]["events"] != []
    assert signing.run("history", "zzzzzz").err.split()[0] == "E_NO_SUCH_KEY"


def test_an_archive(signing: Cli) -> None:
    document = json.loads(signing.ok("history", "--jwks", "--issuer", "payments"))
    assert (document["iss"], document["keys"]) == ("https://pay.example.com", [])
    token = signing.ok("history", "--jwks", "--signed", "--issuer", "payments")
    assert (token.count("."), token.count("\n")) == (2, 1)
