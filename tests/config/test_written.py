"""What rotator itself writes down: the template, the examples, the schema, what `config show` says."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rotator.config.load import load
from rotator.config.schema import schema
from rotator.config.settings import (
    DaemonSpec,
    KmsSpec,
    LocalKeysSpec,
    S3Spec,
    S3StateSpec,
    SqliteSpec,
    WrappedSpec,
)
from rotator.config.show import explain, show
from rotator.config.template import GITIGNORE, REGIONS, template
from tests.config.files import FINE, issuers, keys, loaded, team

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "configs").glob("*.yaml"))
VALID = Draft202012Validator(schema())


@pytest.mark.parametrize("aws", [False, True])
def test_the_template_loads(tmp_path: Path, aws: bool) -> None:
    settings = loaded(tmp_path, template(aws=aws))
    (issuer,) = settings.issuers
    assert settings.problems == ()
    assert tuple(region.name for region in issuer.regions) == REGIONS
    assert all(isinstance(region.jwks, S3Spec) is aws for region in issuer.regions)
    VALID.validate(yaml.safe_load(template(aws=aws)))


def uncommented(text: str, start: str) -> str:
    """The text with the commented line that begins so in the place of the one before it of the same member."""
    member = start.lstrip("# ").partition(":")[0]
    lines = [line for line in text.splitlines() if not line.startswith(f"{member}:")]
    return "\n".join(line.replace("#", "", 1) if line.startswith(start) else line for line in lines)


def test_the_templates_alternatives_load_too(tmp_path: Path) -> None:
    text = template(aws=True)
    usual = loaded(tmp_path, text)
    assert isinstance(usual.issuers[0].keys, KmsSpec)
    assert [region.alias for region in usual.issuers[0].setup.regions] == [
        "alias/rotator/accounts"
    ] * 3
    for start in ("#state:", "#keys:", "  #waves:", "  #bake:"):
        text = uncommented(text, start)
    other = loaded(tmp_path, text)
    (issuer,) = other.issuers
    assert isinstance(other.state, S3StateSpec)
    assert isinstance(issuer.keys, WrappedSpec)
    assert {name for wave in issuer.setup.policy.waves for name in wave} == set(REGIONS)
    assert (other.problems, other.warnings) == ((), ())
    VALID.validate(yaml.safe_load(text))


def test_the_templates_other_sections_load_too(tmp_path: Path) -> None:
    text = template()
    for start in ("#schedule:", "#audit:", "#notify:", "#metrics:", "#daemon:"):
        text = uncommented(text, start)
    settings = loaded(tmp_path, text)
    assert settings.problems == ()
    assert settings.issuers[0].setup.schedule
    assert settings.audit.key == "checkpoint.pem"
    assert [spec.kind for spec in settings.notify] == ["slack", "webhook"]
    assert settings.textfile
    assert settings.daemon == replace(
        DaemonSpec(), written=settings.daemon.written, where=settings.daemon.where
    )
    VALID.validate(yaml.safe_load(text))


def test_the_template_says_the_defaults(tmp_path: Path) -> None:
    bare = loaded(tmp_path, FINE.replace("policy:\n  verifiers: [pyjwt]\n", ""))
    assert loaded(tmp_path, template()).issuers[0].setup.policy == bare.issuers[0].setup.policy


def test_what_git_ignores_is_where_the_template_keeps_secrets(tmp_path: Path) -> None:
    settings = loaded(tmp_path, template())
    folder = GITIGNORE.strip()
    keys = settings.issuers[0].keys
    assert isinstance(settings.state, SqliteSpec)
    assert isinstance(keys, LocalKeysSpec)
    assert settings.state.path.startswith(folder)
    assert keys.path.startswith(folder)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_loads(path: Path) -> None:
    settings = load(path, {})
    assert settings.problems == ()
    VALID.validate(yaml.safe_load(path.read_text("utf-8")))


def test_the_quickstart_stays_in_its_folder() -> None:
    settings = load(ROOT / "configs" / "quickstart.yaml", {})
    (issuer,) = settings.issuers
    places = [region.jwks_location for region in issuer.setup.regions]
    assert isinstance(settings.state, SqliteSpec)
    assert isinstance(issuer.keys, LocalKeysSpec)
    places += [str(settings.resolve(settings.state.path)), str(settings.resolve(issuer.keys.path))]
    assert all(place.startswith(f"{ROOT}/quickstart/") for place in places)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


SCHEMA_REFUSES = [
    ("policy:", "polcy:"),
    ("[pyjwt]", "[pyjw]"),
    ("policy:", "policy:\n  leeway: 30"),
    ("policy:", "policy:\n  algorithm: HS256"),
    ("  one:", "  a/b:"),
    ("kind: s3", "kind: gcs"),
    ("version: 1", "version: 2"),
    ("policy:", "policy:\n  waves: [[]]"),
    ("  two:", "  two:\n    aws: {region: 7}"),
    ("issuers:", "keys: {kind: kms, alias: alias/x}\nissuers:"),
    ("issuers:", "state: {kind: s3, prefix: x}\nissuers:"),
]


@pytest.mark.parametrize(("old", "new"), SCHEMA_REFUSES)
def test_the_schema_refuses(old: str, new: str) -> None:
    VALID.validate(yaml.safe_load(FINE))
    assert not VALID.is_valid(yaml.safe_load(FINE.replace(old, new)))


def test_the_schema_describes_members() -> None:
    members = schema()["$defs"]["PolicyModel"]["properties"]
    assert "visible before it signs" in members["publish_lead"]["description"]


SHOWN = """\
state
  kind  sqlite             default
  path  .rotator/state.db  default

accounts · https://auth.example.com · one, two
  keys
    kind  local          default
    path  .rotator/keys  default
  policy
    algorithm               ES256  default
    rsa_bits                3072   default
    rotate_every            90d    default
    publish_lead            1d     default
    standby_keys            1      default
    access_token_lifetime   15m    default
    refresh_token_lifetime  30d    default
    leeway                  20s    rotator.yaml:3
    max_clock_drift         5s     default
    signer_refresh          1m     default
    signer_stop             1d     default
    propagation             1m     default
    edge_cache              5m     default
    verifiers               ours   rotator.yaml:4
    safety_margin           1h     default
    history                 auto   default
    history_max             10     default
    evidence_freshness      10m    default
    passes_required         2      default
    run_every               1d     default
    waves                   none   default
    bake                    30m    default
    verifiers.ours.add      1h     rotator.yaml:4
    verifiers.ours.remove   1h     rotator.yaml:4
  what follows
    staleness of one      2 h 6 m     1 m propagation + 5 m edge cache + 1 h ours + 1 h margin
    lead in one           24 h 5 s    24 h lead + 5 s drift
    staleness of two      2 h 6 m     1 m propagation + 5 m edge cache + 1 h ours + 1 h margin
    lead in two           24 h 5 s    24 h lead + 5 s drift
    keys needed           3           design T8
    keys allowed          10          history_max
    new keys known        within 1 h  verifiers.ours.add
    removed keys dropped  within 1 h  verifiers.ours.remove
  rules
    ✓ rotate_every 90 d ≥ publish_lead 24 h + 2 × run_every 24 h = 3 d (design T7)
    ✓ edge_cache 5 m ≤ publish_lead 24 h (design T7)
    ✓ max-age of two's JWKS 5 m ≤ publish_lead 24 h (design T7)
    ✓ max_clock_drift 5 s ≤ leeway 20 s (design T7)
    ✓ leeway 20 s ≤ 120 s (design T7)
    ✓ signer_refresh 1 m < signer_stop 24 h (design T9)
    ✓ 1 active + 1 standby + ⌈(24 h signers + 30 d tokens + 20 s leeway + 5 s drift + 1 h margin + 2 d two runs)\
 / rotate_every 90 d⌉ = 3 keys ≤ history_max 10 (design T8)
"""


def test_show(tmp_path: Path) -> None:
    text = FINE.replace(
        "  verifiers: [pyjwt]", "  leeway: 20s\n  verifiers: [{name: ours, add: 1h}]"
    )
    assert show(loaded(tmp_path, text)).replace(f"{tmp_path}/", "") == SHOWN


MIXED = (
    "[pyjwt, node-jwks-rsa, aws-httpapi, spring-reactive, joserfc, kong-jwt, hasura, aws-alb-jwt]"
)
BOUND = """\
    keys allowed          5             verifiers.node-jwks-rsa.max_keys
    new keys known        within 2 h    verifiers.aws-httpapi.add
    new keys known        at restart    joserfc: no lead covers it, its own evidence or rotator attest does (design T2b)
    new keys known        by hand       kong-jwt: no lead covers it, its own evidence or rotator attest does (design T2b)
    removed keys dropped  within 2 h    verifiers.aws-httpapi.remove
    removed keys dropped  at restart    spring-reactive (design T6)
    removed keys dropped  at restart    joserfc (design T6)
    removed keys dropped  by hand       kong-jwt (design T6)
    removed keys dropped  nobody knows  aws-alb-jwt (design T6)
  rules
"""


BINDS = [
    (MIXED, BOUND),
    (
        "[]",
        """\
    keys allowed      10          history_max
    new keys known    within 2 h  no verifier is named
  rules
""",
    ),
    (
        "[hasura, joserfc]",
        """\
    keys allowed          10          history_max
    new keys known        within 5 m  verifiers.hasura.add
    new keys known        at restart  joserfc: no lead covers it, its own evidence or rotator attest does (design T2b)
    removed keys dropped  within 5 m  verifiers.hasura.remove
    removed keys dropped  at restart  joserfc (design T6)
  rules
""",
    ),
    (
        "[joserfc]",
        """\
    keys allowed          10          history_max
    new keys known        at restart  joserfc: no lead covers it, its own evidence or rotator attest does (design T2b)
    removed keys dropped  at restart  joserfc (design T6)
  rules
""",
    ),
]


@pytest.mark.parametrize(("verifiers", "bound"), BINDS, ids=["mixed", "none", "two", "one"])
def test_show_names_the_verifier_that_binds(tmp_path: Path, verifiers: str, bound: str) -> None:
    assert bound in show(loaded(tmp_path, FINE.replace("[pyjwt]", verifiers)))


def test_show_names_what_a_verifier_cannot_read(tmp_path: Path) -> None:
    rows = show(loaded(tmp_path, FINE)).splitlines()
    (row,) = [row for row in rows if "verifiers.pyjwt.cannot_read" in row]
    assert row.split()[1] == "Ed25519"


KEPT = """\
state
  kind        s3            rotator.yaml:2
  bucket      team-state    rotator.yaml:2
  prefix      rotator       default
  aws.region  eu-central-1  rotator.yaml:2

a · https://a.example.com · one, two
  keys
    kind            kms-wrapped   rotator.yaml:19
    primary_region  eu-central-1  rotator.yaml:19
    wrapping_key    alias/a-wrap  rotator.yaml:19
"""
KMS = """\
accounts · https://auth.example.com · one, two
  keys
    kind             kms                     rotator.yaml:3
    primary_region   eu-central-1            rotator.yaml:3
    alias            alias/rotator/accounts  default
    policy_file      none                    default
    rollback_window  7d                      default
    deletion_window  7d                      rotator.yaml:3
"""


def test_show_where_things_are_kept(tmp_path: Path) -> None:
    own = 'keys: {kind: kms-wrapped, primary_region: eu-central-1, wrapping_key: "alias/{issuer}-wrap"}'
    waves = "[pyjwt]", "[pyjwt]\n  waves: [[two], [one]]"
    text = team(issuers(own), keys("deletion_window: P1W"), waves)
    shown = show(loaded(tmp_path, text)).replace(f"{tmp_path}/", "")
    assert shown.startswith(KEPT)
    assert KMS in shown
    assert "    waves                        two, then one  rotator.yaml:6\n" in shown
    assert "    alias of two          alias/rotator/accounts  in us-east-1\n" in shown
    assert shown.count("alias of") == 2
    assert "1 × (bake 30 m + run_every 24 h) = 24 h 30 m ≤ rotate_every 90 d" in shown


def test_explain_has_the_rules_that_do_not_hold(tmp_path: Path) -> None:
    (issuer,) = explain(loaded(tmp_path, FINE.replace("policy:", "policy:\n  leeway: 300s")))
    assert [rule.members[0] for rule in issuer.rules if not rule.holds] == ["leeway"]
