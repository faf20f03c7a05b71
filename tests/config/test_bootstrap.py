"""Settings → world: which adapters are chosen, that building touches nothing, and what is not imported."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotator.adapters.file_target import FileTarget
from rotator.adapters.kms import KmsAlias, KmsKeys, WrappedKeys
from rotator.adapters.s3_state import S3State
from rotator.adapters.s3_target import S3Target
from rotator.app.world import RegionPorts, World
from rotator.aws import AwsAccess
from rotator.bootstrap import build_world
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import LocalHandle
from rotator.errors import KeyStoreError, UsageError
from rotator.ports import Fact, KeyName, NoAnswer
from tests.config.files import FINE, WRAPPED, issuers, keys, loaded, team, wrapped, write

ROOT = Path(__file__).parents[2]
TWO = FINE + '  pay: {url: "https://pay.example.com", regions: [two]}\n'
NAME = KeyName("accounts", 1, "lineage", "intent", datetime(2026, 11, 24, tzinfo=UTC))
POLICY = '{"Statement":[{"Action":"kms:*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
SECRET = {"ROTATOR_KEY_PASSPHRASE": "correct horse battery staple"}


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, duration: timedelta) -> None:
        pass


class Silence:
    def progress(self, message: str, **facts: Fact) -> None:
        pass

    def warn(self, message: str, **facts: Fact) -> None:
        pass


def world(
    folder: Path,
    text: str = TWO,
    issuers: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
) -> World:
    return build_world(
        loaded(folder, text),
        clock=StoppedClock(),
        reporter=Silence(),
        environ=environ or {},
        issuers=issuers,
    )


def test_targets(tmp_path: Path) -> None:
    accounts, pay = world(tmp_path).issuers
    one, two = accounts.regions["one"], accounts.regions["two"]
    assert one.jwks == FileTarget(tmp_path / "one/accounts/jwks.json", 0o644)
    assert one.signing == FileTarget(tmp_path / "one/accounts/signing.json", 0o600)
    assert one.public_urls == ("https://one.example.com/accounts/jwks.json",)
    assert isinstance(two.jwks, S3Target)
    assert isinstance(two.signing, S3Target)
    assert (two.jwks.content_type, two.jwks.cache_control) == (
        "application/jwk-set+json",
        "public, max-age=300",
    )
    assert (two.signing.content_type, two.signing.cache_control) == ("application/json", "no-store")
    assert two.jwks.clients is two.signing.clients
    assert list(pay.regions) == ["two"]
    assert accounts.keys is pay.keys
    assert (accounts.control, one.alias, two.alias) == (None, None, None)


def test_how_an_account_is_reached(tmp_path: Path) -> None:
    role = "arn:aws:iam::111111111111:role/rotator"
    aws = (
        f'{{region: eu-central-1, profile: p, role_arn: "{role}", external_id: xyz, session_name: ci,'
        " endpoints: {s3: 'http://127.0.0.1:8333', kms: 'https://kms.example', sts: 'https://sts.example'}}"
    )
    (issuer,) = world(tmp_path, FINE.replace("  two:", f"  two:\n    aws: {aws}")).issuers
    target = issuer.regions["two"].jwks
    assert isinstance(target, S3Target)
    access = target.access
    assert access == AwsAccess(
        region="eu-central-1",
        profile="p",
        role_arn=role,
        external_id="xyz",
        session_name="ci",
        endpoint="http://127.0.0.1:8333",
        sts_endpoint="https://sts.example",
        kms_endpoint="https://kms.example",
    )
    assert target.location == issuer.setup.regions[1].jwks_location


def test_the_planner_and_the_targets_agree_on_locations(tmp_path: Path) -> None:
    for issuer in world(tmp_path).issuers:
        for region in issuer.setup.regions:
            ports = issuer.regions[region.name]
            assert (ports.jwks.location, ports.signing.location) == (
                region.jwks_location,
                region.signing_location,
            )


def test_building_and_looking_make_nothing(tmp_path: Path) -> None:
    made = world(tmp_path)
    assert made.state.load("accounts") is None
    assert made.issuers[0].regions["one"].jwks.read() is None
    assert [path.name for path in tmp_path.iterdir()] == ["rotator.yaml"]


def test_some_issuers(tmp_path: Path) -> None:
    assert [issuer.name for issuer in world(tmp_path, issuers=("pay",)).issuers] == ["pay"]
    assert world(tmp_path).owner.endswith(f":{os.getpid()}")
    with pytest.raises(UsageError, match="there is no issuer 'mars'") as refusal:
        world(tmp_path, issuers=("pay", "mars"))
    assert "accounts, pay" in refusal.value.detail


def names(region: RegionPorts) -> tuple[str, AwsAccess]:
    """The alias of a region, and how it is reached."""
    assert isinstance(region.alias, KmsAlias)
    return region.alias.name, region.alias.access


EU, US = AwsAccess(region="eu-central-1"), AwsAccess(region="us-east-1")


def test_a_team(tmp_path: Path) -> None:
    write(tmp_path, POLICY, "policy.json")
    change = keys("policy_file: policy.json, deletion_window: 8d")
    made = world(
        tmp_path, team(change, issuers("regions: [two]"), ("team-state,", "team-state, prefix: p,"))
    )
    a, accounts = made.issuers
    assert isinstance(accounts.keys, KmsKeys)
    assert accounts.control is accounts.keys
    assert accounts.keys._kms.accesses == {"eu-central-1": EU, "us-east-1": US}
    assert accounts.keys._kms.primary == "eu-central-1"
    assert accounts.keys._policy == {"Policy": POLICY}
    assert accounts.keys._window == timedelta(days=8)
    assert names(accounts.regions["one"]) == ("alias/rotator/accounts", EU)
    assert names(accounts.regions["two"]) == ("alias/rotator/accounts", US)
    assert names(a.regions["two"]) == ("alias/rotator/a", US)
    assert a.control is accounts.keys
    assert isinstance(made.state, S3State)
    assert made.state._bucket.location("lease.json") == "s3://team-state/p/lease.json"
    assert made.state._bucket._objects.access == EU


def test_one_set_of_clients_for_the_process(tmp_path: Path) -> None:
    made = world(tmp_path, team(issuers(f"keys: {WRAPPED}")))
    a, accounts = made.issuers
    region = accounts.regions["one"]
    assert isinstance(made.state, S3State)
    assert isinstance(accounts.keys, KmsKeys)
    assert isinstance(a.keys, WrappedKeys)
    assert isinstance(region.alias, KmsAlias)
    assert isinstance(region.jwks, S3Target)
    shared = {made.state._bucket._objects.clients, region.alias.clients, region.jwks.clients}
    assert shared | {accounts.keys._kms.clients, a.keys._kms.clients} == {region.jwks.clients}


def test_wrapped_keys(tmp_path: Path) -> None:
    (accounts,) = world(tmp_path, team(wrapped())).issuers
    assert isinstance(accounts.keys, WrappedKeys)
    assert accounts.keys._wrapping_key == "alias/wrap"
    assert accounts.keys._kms.accesses == {"eu-central-1": EU, "us-east-1": US}
    assert accounts.control is None
    assert [region.alias for region in accounts.regions.values()] == [None, None]


def test_keys_are_relative_to_the_configuration(tmp_path: Path) -> None:
    keys = world(tmp_path, environ=SECRET).issuers[0].keys
    made = keys.generate(NAME, Algorithm.ED25519, 2048)
    assert made.handle == LocalHandle(".rotator/keys/accounts/1.pem")
    assert keys.find(NAME) == made
    assert [held.handle for held in keys.all_of("accounts")] == [made.handle]
    keys.prove(made.handle, None)
    assert keys.sign(made.handle, Algorithm.ED25519, b"message")
    assert keys.warnings() == ()
    keys.destroy(made.handle)
    assert keys.find(NAME) is None
    with pytest.raises(KeyStoreError):
        keys.prove(made.handle, None)


def test_a_missing_passphrase_matters_when_a_key_is_used(tmp_path: Path) -> None:
    environ = {"ROTATOR_KEY_PASSPHRASE_FILE": str(tmp_path / "nowhere")}
    made = world(tmp_path, environ=environ)
    with pytest.raises(KeyStoreError):
        made.issuers[0].keys.find(NAME)


def test_the_probe_looks(tmp_path: Path) -> None:
    assert isinstance(world(tmp_path).probe.get("http://127.0.0.1:1/"), NoAnswer)


HEAVY = ("boto3", "botocore", "urllib3", "apscheduler", "cryptography", "rich", "typer")
BUILD = """
import sys
from pathlib import Path
from rotator.bootstrap import build_world
from rotator.config.load import load
settings = load(Path(sys.argv[1]), {})
world = build_world(settings, clock=None, reporter=None, environ={})
if settings.state.kind == "sqlite":
    world.state.load(world.issuers[0].name)
print(*sorted(name for name in sys.argv[2:] if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("name", "loaded"),
    [
        ("quickstart.yaml", []),
        # It has URLs, and threads must not be the first to import that; keys of KMS are looked at as what they are.
        ("aws.yaml", ["cryptography", "urllib3"]),
    ],
)
def test_nothing_heavy_is_imported(name: str, loaded: list[str]) -> None:
    command = [sys.executable, "-c", BUILD, str(ROOT / "configs" / name), *HEAVY]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == loaded
