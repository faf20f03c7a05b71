"""What is refused of keys in KMS and of state in S3: each row changes something in a good configuration of a team,
and gives the line and the words.
"""

from pathlib import Path

import pytest

from tests.config.files import (
    TEAM,
    assert_refused,
    issuers,
    keys,
    refused,
    team,
    wrapped,
)

ONE_REGION = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = "arn:aws:kms:eu-central-1:111111111111"
ROLE = "arn:aws:iam::{}:role/rotator"
ONE, TWO = "aws: {region: eu-central-1}\n    jwks", "aws: {region: us-east-1}\n    jwks"


def one(members: str) -> tuple[str, str]:
    return ONE, f"aws: {{{members}}}\n    jwks"


def two(members: str) -> tuple[str, str]:
    return TWO, f"aws: {{{members}}}\n    jwks"


def role(account: int) -> str:
    return f'role_arn: "{ROLE.format(str(account) * 12)}"'


VALUES = [
    (
        "no alias",
        team(keys("alias: rotator")),
        3,
        "keys.alias: 'rotator' is no alias: alias/ expected, then letters, digits, /, - and _",
    ),
    ("an alias of two words", team(keys("alias: 'alias/a b'")), 3, "'alias/a b' is no alias"),
    ("another placeholder", team(keys("alias: 'alias/{region}'")), 3, "is no alias"),
    (
        "AWS's own alias",
        team(keys("alias: alias/aws/x")),
        3,
        "alias/aws/ is reserved for keys that",
    ),
    (
        "too long with a name in it",
        team(keys(f"alias: 'alias/{'x' * 187}{{issuer}}'")),
        3,
        "keys.alias: an alias has 256 characters at most, the issuer's name in it",
    ),
    (
        "deleted too soon",
        team(keys("deletion_window: 6d")),
        3,
        "keys.deletion_window: whole days expected, 7d to 30d, as KMS has it",
    ),
    ("deleted too late", team(keys("deletion_window: 31d")), 3, "whole days expected, 7d to 30d"),
    ("half a day", team(keys("deletion_window: 7d12h")), 3, "whole days expected, 7d to 30d"),
    ("a negative window", team(keys("rollback_window: -1d")), 3, "'-1d' is no duration"),
    (
        "no region of AWS",
        team(keys("alias: alias/x"), ("primary_region: eu-central-1", "primary_region: eu")),
        3,
        "keys.primary_region: an AWS region such as us-east-1 expected, not 'eu'",
    ),
    (
        "no primary region",
        team((", primary_region: eu-central-1", "")),
        3,
        "keys.primary_region: is missing",
    ),
    (
        "an unknown member",
        team(keys("wrapping_key: alias/x")),
        3,
        "keys.wrapping_key: unknown member; known here: kind, primary_region, alias",
    ),
    (
        "no multi-region key",
        team(wrapped(), ("alias/wrap", ONE_REGION)),
        3,
        f"a key of several regions expected: its alias/…, mrk-… id or ARN, not '{ONE_REGION}'",
    ),
    (
        "the ARN of such a key",
        team(wrapped(), ("alias/wrap", f"{ARN}:key/{ONE_REGION}")),
        3,
        "keys.wrapping_key: a key of several regions expected",
    ),
    (
        "the ARN of a role",
        team(wrapped(), ("alias/wrap", ROLE.format("1" * 12))),
        3,
        "keys.wrapping_key: a key of several regions expected",
    ),
    ("AWS's own key", team(wrapped(), ("alias/wrap", "alias/aws/s3")), 3, "is reserved for keys"),
    (
        "an odd session",
        team(one(f"region: eu-central-1, {role(1)}, session_name: 'a b'")),
        8,
        "aws.session_name: 2 to 64 letters, digits and +=,.@-_ expected, not 'a b'",
    ),
    (
        "an odd external id",
        team(one(f"region: eu-central-1, {role(1)}, external_id: 'x'")),
        8,
        "aws.external_id: 2 to 1224 letters",
    ),
    (
        "an external id for nobody",
        team(one("region: eu-central-1, external_id: xyz")),
        8,
        "regions.one.aws: external_id counts for a role only, and there is no role_arn",
    ),
    (
        "a session of nobody",
        team(one("region: eu-central-1, session_name: xyz")),
        8,
        "regions.one.aws: session_name counts for a role only",
    ),
]

REGIONS = [
    (
        "a region of nowhere",
        team(two("profile: p")),
        13,
        "regions.two.aws.region: needed where keys are in KMS: the AWS region whose KMS the signers of two use",
    ),
    (
        "nowhere for wrapped keys",
        team(wrapped(), two("")),
        13,
        "regions.two.aws.region: needed where keys",
    ),
    (
        "a primary region that nobody knows",
        team(("primary_region: eu-central-1", "primary_region: eu-west-1")),
        3,
        (
            "keys.primary_region: no region here is in eu-west-1, so nothing says how it is reached;"
            " they are in eu-central-1, us-east-1"
        ),
    ),
    (
        "two regions in one",
        team(two("region: eu-central-1")),
        13,
        (
            "regions.two.aws.region: one is in eu-central-1 too, and the two would share the alias that their"
            " signers follow: make one region of them, or use keys: kms-wrapped"
        ),
    ),
    (
        "two ways to one wrapping key",
        team(wrapped(), two("region: eu-central-1, profile: p")),
        13,
        "regions.two.aws.region: one is in eu-central-1 too, but its KMS is not reached the same way",
    ),
    (
        "two ways to a primary region elsewhere",
        team(
            two("region: eu-central-1, profile: p"),
            (
                "  two:",
                '  three:\n    aws: {region: us-east-1}\n    jwks: {kind: file, path: "3/{issuer}"}\n    signing: {kind: file, path: "3s/{issuer}"}\n  two:',
            ),
            ('auth.example.com"', 'auth.example.com", regions: [three]'),
        ),
        3,
        "keys.primary_region: one and two are both in eu-central-1, but their KMS is not reached the same way",
    ),
    (
        "two accounts",
        team(one(f"region: eu-central-1, {role(1)}"), two(f"region: us-east-1, {role(2)}")),
        3,
        (
            "keys.kind: a KMS key and its replicas are in one account, but the roles are of several:"
            " 111111111111 in one, 222222222222 in two"
        ),
    ),
    (
        "a primary in another account",
        team(
            one(f"region: eu-central-1, {role(1)}"),
            two(f"region: us-east-1, {role(2)}"),
            ('auth.example.com"', 'auth.example.com", regions: [two]'),
        ),
        3,
        "are of several: 222222222222 in two, 111111111111 in one",
    ),
    (
        "an issuer's own",
        team(issuers("keys: {kind: kms, primary_region: eu-west-1}")),
        18,
        "issuers.a.keys.primary_region: no region here is in eu-west-1",
    ),
]

ALIASES = [
    (
        "one alias for two issuers",
        team(keys("alias: alias/jwt"), issuers("")),
        3,
        "keys.alias: a and accounts would share alias/jwt in eu-central-1: put {issuer} into it",
    ),
    (
        "another issuer's name",
        team(
            issuers("keys: {kind: kms, primary_region: us-east-1, alias: alias/rotator/accounts}")
        ),
        3,
        "keys.alias: a and accounts would share alias/rotator/accounts in eu-central-1",
    ),
    (
        "an alias to wrap with",
        team(
            issuers(
                "keys: {kind: kms-wrapped, primary_region: us-east-1, wrapping_key: alias/rotator/accounts}"
            )
        ),
        18,
        "issuers.a.keys.wrapping_key: alias/rotator/accounts in us-east-1 follows the signing key of accounts; name another key",
    ),
]

STATE = [
    ("no bucket", team(("bucket: team-state, ", "")), 2, "state.bucket: is missing"),
    (
        "a prefix that ends in /",
        team(("team-state,", "team-state, prefix: a/,")),
        2,
        "state.prefix: an object key neither begins nor ends with /",
    ),
    (
        "a prefix per issuer",
        team(("team-state,", "team-state, prefix: 'a/{issuer}',")),
        2,
        "'a/{issuer}' is the prefix of all issuers' state: no placeholders",
    ),
    (
        "no prefix",
        team(("team-state,", "team-state, prefix: '',")),
        2,
        "state.prefix: must not be empty",
    ),
    (
        "http",
        team(("aws: {region: eu-central-1}}", "aws: {endpoints: {s3: 'http://s3.example'}}}")),
        2,
        "state.aws.endpoints.s3: http: lets anyone on the way",
    ),
    (
        "a document in the state",
        team(('jwks-one, key: "{issuer}', 'team-state, key: "rotator/{issuer}')),
        9,
        "regions.one.jwks: s3://team-state/rotator/accounts/jwks.json collides with the state, which is below rotator/ there",
    ),
    (
        "a document over the state",
        team(('signing-two, key: "{issuer}/signing.json"', 'team-state, key: "rotator"')),
        15,
        "regions.two.signing: s3://team-state/rotator collides with the state",
    ),
    (
        "the state in a document",
        team(("team-state,", "jwks-one, prefix: accounts/jwks.json/state,")),
        9,
        "s3://jwks-one/accounts/jwks.json collides with the state, which is below accounts/jwks.json/state/ there",
    ),
    (
        "by another name of AWS",
        team(
            one("region: eu-central-1, endpoints: {s3: 'https://s3.eu-central-1.amazonaws.com'}"),
            ('jwks-one, key: "', 'team-state, key: "rotator/'),
        ),
        9,
        "collides with the state",
    ),
    (
        "two regions, one object by two names",
        team(
            one("region: eu-central-1, endpoints: {s3: 'https://s3.eu-central-1.amazonaws.com'}"),
            ("jwks-two", "jwks-one"),
        ),
        14,
        "two regions share one object: s3://jwks-one/accounts/jwks.json is also the jwks of accounts in one",
    ),
]

TABLE = [
    pytest.param(text, line, words, id=f"{group}: {what}")
    for group, rows in (
        ("values", VALUES),
        ("regions", REGIONS),
        ("aliases", ALIASES),
        ("state", STATE),
    )
    for what, text, line, words in rows
]


@pytest.mark.parametrize(("text", "line", "words"), TABLE)
def test_refused(tmp_path: Path, text: str, line: int, words: str) -> None:
    assert_refused(tmp_path, text, line, words)


def test_the_good_one_is_fine(tmp_path: Path) -> None:
    assert refused(tmp_path, TEAM) == []


FINE_TOO = [
    ("wrapped", team(wrapped())),
    ("wrapped, two regions in one", team(wrapped(), two("region: eu-central-1"))),
    ("wrapped by a key of another account", team(wrapped(), ("alias/wrap", f"{ARN}:alias/wrap"))),
    ("wrapped by an ARN", team(wrapped(), ("alias/wrap", f"{ARN}:key/mrk-{'0' * 32}"))),
    ("wrapped by the id of a multi-region key", team(wrapped(), ("alias/wrap", f"mrk-{'0' * 32}"))),
    (
        "one account",
        team(one(f"region: eu-central-1, {role(1)}"), two(f"region: us-east-1, {role(1)}")),
    ),
    (
        "a primary region without signers",
        team(('auth.example.com"', 'auth.example.com", regions: [two]')),
    ),
    ("the longest alias", team(keys(f"alias: 'alias/{'x' * 186}{{issuer}}'"))),
    (
        "one alias in two regions",
        team(
            keys("alias: alias/jwt"),
            issuers("regions: [one]"),
            ('auth.example.com"', 'auth.example.com", regions: [two]'),
        ),
    ),
    (
        "two stores with one bucket's name",
        team(
            one("region: eu-central-1, endpoints: {s3: 'https://s3.example'}"),
            ("jwks-one", "jwks-two"),
        ),
    ),
    ("a neighbour of the state", team(('jwks-one, key: "', 'team-state, key: "rotator-'))),
    ("a longer deletion", team(keys("rollback_window: 0, deletion_window: 720h"))),
]


@pytest.mark.parametrize("text", [row[1] for row in FINE_TOO], ids=[row[0] for row in FINE_TOO])
def test_fine_too(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == []


def test_what_is_wrong_with_a_region_is_no_ground_for_more(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, team(two("region: us")))
    assert "regions.two.aws.region: an AWS region" in problem


def test_what_is_wrong_with_an_issuers_keys_is_no_ground_for_more(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, team(issuers("regions: [two], keys: {kind: hsm}")))
    assert "issuers.a.keys: 'hsm' is no kind; the kinds are local, kms, kms-wrapped" in problem
