"""What a configuration of a team amounts to: keys in KMS, state in S3, waves; how KMS is reached; digests and advice."""

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.config.settings import AwsSpec, KmsSpec, LocalKeysSpec, S3StateSpec, WrappedSpec
from tests.config.files import FINE, TEAM, issuers, keys, loaded, policy, team, wrapped, write

ONE, TWO = AwsSpec(region="eu-central-1"), AwsSpec(region="us-east-1")
POLICY = """\
{
  "Version": "2012-10-17",
  "Statement": {"Effect": "Allow", "Principal": {"AWS": "ü"}, "NotAction": "kms:Decrypt", "Resource": "*"}
}
"""
CANONICAL = (
    '{"Statement":{"Effect":"Allow","NotAction":"kms:Decrypt","Principal":{"AWS":"\\u00fc"},"Resource":"*"},'
    '"Version":"2012-10-17"}'
)


def test_keys_in_kms(tmp_path: Path) -> None:
    settings = loaded(tmp_path, TEAM)
    (accounts,) = settings.issuers
    assert settings.state == S3StateSpec(ONE, "team-state", "rotator")
    assert accounts.keys == KmsSpec(
        primary=ONE,
        regions=(ONE, TWO),
        alias="alias/rotator/{issuer}",
        policy=None,
        rollback_window=timedelta(days=7),
        deletion_window=timedelta(days=30),
    )
    assert (settings.problems, settings.warnings, settings.notes) == ((), (), ())


def test_what_the_planner_gets_of_kms(tmp_path: Path) -> None:
    setup = loaded(tmp_path, TEAM).issuers[0].setup
    assert [(region.aws_region, region.alias) for region in setup.regions] == [
        ("eu-central-1", "alias/rotator/accounts"),
        ("us-east-1", "alias/rotator/accounts"),
    ]
    assert setup.rollback_window == timedelta(days=7)


def test_wrapped_keys(tmp_path: Path) -> None:
    text = team(wrapped(), ("alias/wrap", "'alias/{issuer}'"))
    (accounts,) = loaded(tmp_path, text).issuers
    assert accounts.keys == WrappedSpec(
        primary=ONE, regions=(ONE, TWO), wrapping_key="alias/accounts"
    )
    setup = accounts.setup
    assert [region.aws_region for region in setup.regions] == ["eu-central-1", "us-east-1"]
    assert [region.alias for region in setup.regions] == [None, None]
    assert setup.rollback_window is None


def test_local_keys_say_nothing_of_aws(tmp_path: Path) -> None:
    setup = loaded(tmp_path, team(issuers("keys: {kind: local}"))).issuers[0].setup
    assert [(region.aws_region, region.alias) for region in setup.regions] == [(None, None)] * 2
    assert setup.rollback_window is None


def test_the_primary_comes_first_also_where_nobody_signs(tmp_path: Path) -> None:
    elsewhere = team(("primary_region: eu-central-1", "primary_region: us-east-1"))
    spec = loaded(tmp_path, elsewhere).issuers[0].keys
    assert isinstance(spec, KmsSpec)
    assert (spec.primary, spec.regions) == (TWO, (TWO, ONE))

    spec = loaded(tmp_path, team(issuers("regions: [two]"))).issuers[0].keys
    assert isinstance(spec, KmsSpec)
    assert (spec.primary, spec.regions) == (ONE, (ONE, TWO))


def test_regions_that_share_an_aws_region_share_its_kms(tmp_path: Path) -> None:
    text = team(wrapped(), ("us-east-1", "eu-central-1"))
    spec = loaded(tmp_path, text).issuers[0].keys
    assert isinstance(spec, WrappedSpec)
    assert spec.regions == (ONE,)


def test_how_kms_is_reached(tmp_path: Path) -> None:
    role = "arn:aws:iam::111111111111:role/rotator"
    aws = (
        f'region: us-east-1, profile: p, role_arn: "{role}", external_id: xyz, session_name: ci,'
        " endpoints: {kms: 'https://kms.example', s3: 'https://s3.example', sts: 'https://sts.example'}"
    )
    spec = loaded(tmp_path, team(("region: us-east-1", aws))).issuers[0].keys
    assert isinstance(spec, KmsSpec)
    assert spec.regions[1] == AwsSpec(
        region="us-east-1",
        profile="p",
        role_arn=role,
        external_id="xyz",
        session_name="ci",
        s3_endpoint="https://s3.example",
        kms_endpoint="https://kms.example",
        sts_endpoint="https://sts.example",
    )


def test_an_issuer_has_keys_of_its_own(tmp_path: Path) -> None:
    own = "keys: {kind: kms, primary_region: us-east-1, rollback_window: 1d, deletion_window: 7d}"
    a, b, accounts = loaded(tmp_path, team(issuers(own, "keys: {kind: local}"))).issuers
    assert isinstance(a.keys, KmsSpec)
    assert (a.keys.primary, a.keys.deletion_window) == (TWO, timedelta(days=7))
    assert a.setup.rollback_window == timedelta(days=1)
    assert b.keys == LocalKeysSpec(".rotator/keys")
    assert isinstance(accounts.keys, KmsSpec)
    assert accounts.keys.primary == ONE


@pytest.mark.parametrize("path", ["policy.json", "./policies/../policy.json", "~/policy.json"])
def test_a_key_policy(tmp_path: Path, path: str) -> None:
    write(tmp_path, POLICY, "policy.json")
    written = path.replace("~", str(tmp_path))
    (tmp_path / "policies").mkdir()
    spec = loaded(tmp_path, team(keys(f"policy_file: {written}"))).issuers[0].keys
    assert isinstance(spec, KmsSpec)
    assert spec.policy == CANONICAL


def test_the_digest_sees_what_a_key_policy_says(tmp_path: Path) -> None:
    text, file = team(keys("policy_file: policy.json")), "policy.json"
    digests = []
    for content in (POLICY, "\ufeff" + POLICY.replace("\n", ""), POLICY.replace("Decrypt", "*")):
        write(tmp_path, content, file)
        digests.append(loaded(tmp_path, text).digest)
    assert digests[0] == digests[1] != digests[2]
    assert loaded(tmp_path, TEAM).digest not in digests


CHANGES = [
    ("team-state", "another-state"),
    ("team-state,", "team-state, prefix: other,"),
    ("aws: {region: eu-central-1}}", "aws: {region: eu-central-1, profile: p}}"),
    ("primary_region: eu-central-1", "primary_region: us-east-1"),
    keys("alias: 'alias/{issuer}'"),
    keys("rollback_window: 8d"),
    keys("deletion_window: 8d"),
    wrapped(),
    ("{region: us-east-1}", "{region: us-east-2}"),
    ("{region: us-east-1}", "{region: us-east-1, endpoints: {kms: 'https://kms.example'}}"),
    ("[pyjwt]", "[pyjwt]\n  waves: [[one], [two]]"),
    ("[pyjwt]", "[pyjwt]\n  bake: 31m"),
]


@pytest.mark.parametrize("change", CHANGES, ids=[new for _, new in CHANGES])
def test_the_digest_sees_every_change(tmp_path: Path, change: tuple[str, str]) -> None:
    assert loaded(tmp_path, team(change)).digest != loaded(tmp_path, TEAM).digest


def test_the_digest_ignores_defaults(tmp_path: Path) -> None:
    same = team(
        keys("alias: 'alias/rotator/{issuer}', policy_file: null, rollback_window: 168h"),
        ("team-state,", "team-state, prefix: rotator,"),
        ("{region: us-east-1}", "{region: us-east-1, session_name: null}"),
        ("[pyjwt]", "[pyjwt]\n  waves: []\n  bake: 30m"),
    )
    assert loaded(tmp_path, same).digest == loaded(tmp_path, TEAM).digest


def test_waves(tmp_path: Path) -> None:
    text = team(
        ("[pyjwt]", "[pyjwt]\n  waves: [[one], [two]]"),
        issuers("regions: [two]", "policy: {waves: [[two], [one]], bake: 1h}"),
    )
    a, b, accounts = loaded(tmp_path, text).issuers
    assert accounts.setup.policy.waves == a.setup.policy.waves == (("one",), ("two",))
    assert b.setup.policy.waves == (("two",), ("one",))
    assert b.setup.policy.bake == timedelta(hours=1)
    shown = {number.member: number for number in b.numbers}
    assert shown["waves"].value == "two, then one"
    assert shown["waves"].source == f"{tmp_path}/rotator.yaml:20"
    assert shown["bake"].value == "1h"


ADVICE = [
    # the configuration, whether it is a warning, line, words
    (
        FINE + "state: {kind: s3, bucket: team-state}\n",
        True,
        1,
        "keys: the state in s3://team-state is for everyone who runs rotator, but the private keys are in a folder",
    ),
    (
        team(keys("rollback_window: 40d")),
        False,
        3,
        "keys.rollback_window: rollback_window 40 d does not end before a key is removed, 30 d 1 h 35 s after",
    ),
    (
        team(
            issuers(
                "policy: {refresh_token_lifetime: 0}, keys: {kind: kms, primary_region: us-east-1}"
            )
        ),
        False,
        18,
        "issuers.a.keys.rollback_window: rollback_window 7 d does not end before",
    ),
    (
        team(("[pyjwt]", "[pyjwt]\n  signer_stop: 2m")),
        False,
        6,
        "policy.signer_stop: signer_stop 2 m counts as 5 m: a KMS alias may lead",
    ),
    (
        policy("waves: [[one, two]]"),
        True,
        3,
        "policy.waves: all regions of accounts are in one wave",
    ),
    (
        policy("waves: [[two]]"),
        False,
        3,
        "policy.waves: no wave names one: switched after all others",
    ),
]


@pytest.mark.parametrize(("text", "warning", "line", "words"), ADVICE)
def test_advice(tmp_path: Path, text: str, warning: bool, line: int, words: str) -> None:
    settings = loaded(tmp_path, text)
    (given,) = settings.warnings if warning else settings.notes
    assert given.removeprefix(f"{tmp_path}/").startswith(f"rotator.yaml:{line}: ")
    assert words in given
    assert settings.problems == ()
