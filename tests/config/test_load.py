"""What a configuration amounts to: files found, sections filled in, digests, sources of numbers, warnings."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.config.load import config_path, load, require_feasible
from rotator.config.places import Problems
from rotator.config.reading import read_all
from rotator.config.settings import FileSpec, LocalKeysSpec, S3Spec, SqliteSpec
from rotator.domain.caching import DEFAULT_CACHE_CONTROL
from rotator.domain.jwk import Algorithm
from rotator.domain.policy import CacheLifetime, Effect, Policy, Special, Verifier
from rotator.errors import ConfigError, PolicyInfeasible
from tests.config.files import FINE, loaded, refused, write


def test_a_configuration(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FINE)
    (issuer,) = settings.issuers
    one, two = issuer.regions
    assert settings.state == SqliteSpec(".rotator/state.db")
    assert issuer.keys == LocalKeysSpec(".rotator/keys")
    assert one.jwks == FileSpec("one/accounts/jwks.json")
    assert isinstance(two.jwks, S3Spec)
    assert (two.jwks.bucket, two.jwks.key) == ("jwks-two", "accounts/jwks.json")
    assert two.jwks.cache_control == DEFAULT_CACHE_CONTROL
    assert isinstance(two.signing, S3Spec)
    assert two.signing.cache_control is None
    assert one.urls == ("https://one.example.com/accounts/jwks.json",)
    assert (settings.problems, settings.warnings, settings.notes) == ((), (), ())


def test_what_the_planner_gets(tmp_path: Path) -> None:
    setup = loaded(tmp_path, FINE).issuers[0].setup
    (pyjwt,) = setup.policy.verifiers
    assert setup.policy == Policy(verifiers=(pyjwt,))
    assert (pyjwt.name, pyjwt.learns, pyjwt.drops) == (
        "pyjwt",
        timedelta(seconds=30),
        timedelta(seconds=300),
    )
    assert [(b.algorithm, b.effect) for b in pyjwt.breaks] == [(Algorithm.ED25519, Effect.IGNORED)]
    one, two = setup.regions
    assert (one.jwks_location, two.jwks_location) == (
        f"{tmp_path}/one/accounts/jwks.json",
        "s3://jwks-two/accounts/jwks.json",
    )
    assert (one.cache, two.cache) == (CacheLifetime(), CacheLifetime(timedelta(seconds=300)))
    assert (one.has_public_url, setup.has_jwks_url) == (True, False)


def test_every_number_of_the_policy_can_be_written(tmp_path: Path) -> None:
    written = {
        "algorithm": "RS256",
        "rsa_bits": 4096,
        "rotate_every": "P30D",
        "publish_lead": "1d12h",
        "standby_keys": 2,
        "access_token_lifetime": "10m",
        "refresh_token_lifetime": 0,
        "leeway": "1m",
        "max_clock_drift": "500ms",
        "signer_refresh": "30s",
        "signer_stop": "1h",
        "propagation": "2m",
        "edge_cache": "10m",
        "verifiers": "[{name: ours, add: unbounded, remove: 1h, max_keys: 9}, {name: pyjwt, add: 1m}]",
        "safety_margin": "30m",
        "history": 6,
        "history_max": 9,
        "evidence_freshness": "5m",
        "passes_required": 3,
        "run_every": "12h",
        "waves": "[[two], [one]]",
        "bake": "2h",
    }
    assert written.keys() == {field.name for field in fields(Policy)}
    lines = "".join(f"  {name}: {value}\n" for name, value in written.items())
    policy = loaded(tmp_path, FINE.replace("  verifiers: [pyjwt]\n", lines)).issuers[0].setup.policy
    known = policy.verifiers[1]
    assert policy == Policy(
        algorithm=Algorithm.RS256,
        rsa_bits=4096,
        rotate_every=timedelta(days=30),
        publish_lead=timedelta(hours=36),
        standby_keys=2,
        access_token_lifetime=timedelta(minutes=10),
        refresh_token_lifetime=timedelta(),
        leeway=timedelta(minutes=1),
        max_clock_drift=timedelta(milliseconds=500),
        signer_refresh=timedelta(seconds=30),
        signer_stop=timedelta(hours=1),
        propagation=timedelta(minutes=2),
        edge_cache=timedelta(minutes=10),
        verifiers=(
            Verifier("ours", Special.UNBOUNDED, timedelta(hours=1), 9),
            Verifier("pyjwt", timedelta(minutes=1), timedelta(minutes=5), None, known.breaks),
        ),
        safety_margin=timedelta(minutes=30),
        history=6,
        history_max=9,
        evidence_freshness=timedelta(minutes=5),
        passes_required=3,
        run_every=timedelta(hours=12),
        waves=(("two",), ("one",)),
        bake=timedelta(hours=2),
    )


def test_an_issuer_says_it_again_with_the_source_of_each_number(tmp_path: Path) -> None:
    text = FINE.replace("policy:", "policy:\n  leeway: 20s\n  history_max: 8").replace(
        'accounts: {url: "https://auth.example.com"}',
        'accounts: {url: "https://auth.example.com"}\n'
        '  pay: {url: "https://pay.example.com", regions: [two], policy: {leeway: 40s, algorithm: RS256}}',
    )
    accounts, pay = loaded(tmp_path, text).issuers
    numbers = {
        number.member: (number.value, number.source.rsplit("/", 1)[-1]) for number in pay.numbers
    }
    assert numbers["leeway"] == ("40s", "rotator.yaml:19")
    assert numbers["history_max"] == ("8", "rotator.yaml:4")
    assert numbers["rotate_every"] == ("90d", "default")
    assert numbers["history"] == ("auto", "default")
    assert numbers["verifiers"] == ("pyjwt", "rotator.yaml:5")
    assert numbers["verifiers.pyjwt.add"][0] == "30s"
    assert accounts.setup.policy.leeway == timedelta(seconds=20)
    assert [region.name for region in pay.regions] == ["two"]


def test_sources_of_a_verifiers_numbers(tmp_path: Path) -> None:
    text = FINE.replace("[pyjwt]", "[node-jwks-rsa, {name: pyjwt, add: 1m}, {name: ours, add: 2m}]")
    numbers = {n.member: n for n in loaded(tmp_path, text).issuers[0].numbers}
    sources = {
        member: numbers[member].source.replace(f"{tmp_path}/", "")[:22]
        for member in numbers
        if "." in member
    }
    assert sources == {
        "verifiers.node-jwks-rsa.add": "profile node-jwks-rsa ",
        "verifiers.node-jwks-rsa.remove": "profile node-jwks-rsa ",
        "verifiers.node-jwks-rsa.max_keys": "profile node-jwks-rsa ",
        "verifiers.node-jwks-rsa.cannot_read": "profile node-jwks-rsa ",
        "verifiers.pyjwt.add": "rotator.yaml:3",
        "verifiers.pyjwt.remove": "profile pyjwt (run: Py",
        "verifiers.pyjwt.cannot_read": "profile pyjwt (run: Py",
        "verifiers.ours.add": "rotator.yaml:3",
        "verifiers.ours.remove": "rotator.yaml:3",
    }
    assert numbers["verifiers.ours.remove"].value == "2m"


@pytest.mark.parametrize(
    "same",
    [
        FINE.replace("policy:", "# a comment\npolicy:\n  leeway: 30s"),
        FINE.replace("[pyjwt]", "[ 'pyjwt' ]"),
        FINE.replace("version: 1\n", "")
        + "version: 1\ndaemon:\nkeys: {kind: local, path: .rotator/keys}\n",
        FINE.replace('auth.example.com"}', 'auth.example.com", policy: {rotate_every: 2160h}}'),
    ],
)
def test_the_digest_ignores_layout_and_defaults(tmp_path: Path, same: str) -> None:
    other = tmp_path / "elsewhere"
    assert same != FINE
    assert loaded(other, same).digest == loaded(tmp_path, FINE).digest
    assert loaded(tmp_path, FINE).digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[pyjwt]", "[nimbus, pyjwt]"),
        ("policy:", "policy:\n  leeway: 31s"),
        ("signing-two", "signing-2"),
        ("auth.", "a."),
    ],
)
def test_the_digest_sees_every_change(tmp_path: Path, old: str, new: str) -> None:
    assert loaded(tmp_path, FINE.replace(old, new)).digest != loaded(tmp_path, FINE).digest


def test_sections_may_be_empty_and_merged(tmp_path: Path) -> None:
    text = FINE.replace("policy:\n  verifiers: [pyjwt]", "policy:\n  # nothing yet").replace(
        "  two:", "  two:\n    aws: &aws {region: eu-central-1, endpoints: }"
    )
    settings = loaded(
        tmp_path,
        text.replace(
            'accounts: {url: "https://auth.example.com"}',
            'accounts: {url: "https://a.example", policy: }',
        ),
    )
    assert settings.issuers[0].setup.policy == Policy()
    jwks = settings.issuers[0].regions[1].jwks
    assert isinstance(jwks, S3Spec)
    assert (jwks.aws.region, jwks.aws.s3_endpoint) == ("eu-central-1", None)


LOOPBACK = [
    "http://127.0.0.1:8080/{issuer}",
    "http://localhost/{issuer}",
    "http://[::1]:1/{issuer}",
    "http://a.localhost/{issuer}",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_http_is_fine_on_loopback(tmp_path: Path, url: str) -> None:
    assert refused(tmp_path, FINE.replace("https://one.example.com/{issuer}/jwks.json", url)) == []


def test_http_is_fine_where_it_is_allowed(tmp_path: Path) -> None:
    text = FINE.replace("https://one", "http://one")
    assert refused(tmp_path, text + "allow_insecure: true\n") == []
    assert (
        refused(
            tmp_path, text.replace('jwks.json"}\n  two', 'jwks.json", allow_insecure: true}\n  two')
        )
        == []
    )


def test_the_url_for_clients_may_be_the_only_regions(tmp_path: Path) -> None:
    url = "https://one.example.com/accounts/jwks.json"
    text = FINE.replace(
        'auth.example.com"}', f'auth.example.com", regions: [one], jwks_url: "{url}"}}'
    )
    issuer = loaded(tmp_path, text).issuers[0]
    assert (issuer.jwks_url, issuer.setup.has_jwks_url) == (url, True)


def test_home(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FINE + "state: {kind: sqlite, path: ~/state.db}\n")
    assert isinstance(settings.state, SqliteSpec)
    assert str(settings.resolve(settings.state.path)) == "/home/somebody/state.db"
    assert str(settings.resolve("../x/y")) == f"{tmp_path.parent}/x/y"


def test_a_folder_of_keys_may_end_in_a_slash(tmp_path: Path) -> None:
    assert refused(tmp_path, FINE + "keys: {kind: local, path: .rotator/keys/}\n") == []


def test_issuers_of_many_files(tmp_path: Path) -> None:
    write(tmp_path, 'b: {url: "https://b.example"}\n', "issuers.d/2.yaml")
    write(tmp_path, 'a: {url: "https://a.example", policy: {leeway: 10s}}\n', "issuers.d/1.yaml")
    write(tmp_path, "", "issuers.d/3.yaml")
    settings = loaded(tmp_path, FINE + "issuers_from: issuers.d/*.yaml\n")
    assert [issuer.name for issuer in settings.issuers] == ["accounts", "a", "b"]
    leeway = next(number for number in settings.issuers[1].numbers if number.member == "leeway")
    assert leeway.source == f"{tmp_path}/issuers.d/1.yaml:1"


def test_problems_of_many_files(tmp_path: Path) -> None:
    write(tmp_path, 'a: {url: 7}\naccounts: {url: "https://b.example"}\n', "issuers.d/1.yaml")
    write(tmp_path, "a: [", "issuers.d/2.yaml")
    write(
        tmp_path,
        'c: {url: "https://c.example", policy: {leeway: 300s}}\nc: {}\n',
        "issuers.d/3.yaml",
    )
    problems = refused(tmp_path, FINE + "issuers_from: issuers.d/*.yaml\n")
    assert [problem.split(":")[:2] for problem in problems] == [
        ["issuers.d/1.yaml", "1"],
        ["issuers.d/1.yaml", "2"],
        ["issuers.d/2.yaml", "2"],
        ["issuers.d/3.yaml", "1"],
        ["issuers.d/3.yaml", "2"],
    ]
    assert "a.url: text expected, not 7" in problems[0]
    assert "issuer accounts is defined at rotator.yaml:16 as well" in problems[1]
    assert "c.policy.leeway: leeway 5 m is above 120 s" in problems[3]


def test_issuers_of_no_file(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, FINE + "issuers_from: issuers.d/*.yml\n")
    assert problem == "rotator.yaml:17: issuers_from: matches no file"


WARNED = [
    (
        "[pyjwt]",
        "[aws-alb-jwt]",
        "policy.verifiers: nobody has measured when aws-alb-jwt learns a new key: 2 h is assumed",
    ),
    (
        "[pyjwt]",
        "[aws-alb-jwt]",
        "aws-alb-jwt passes over ES256 keys and refuses every token that they sign (reads RS256 only)",
    ),
    (
        "policy:\n  verifiers: [pyjwt]",
        "policy:\n  verifiers: [jwx-cache]\n  algorithm: Ed25519",
        "one Ed25519 key in the document makes all of it unreadable for jwx-cache: EVERY token is refused",
    ),
    ("[pyjwt]", "[joserfc]", "joserfc learns a new key only at restart"),
    ("[pyjwt]", "[kong-jwt]", "kong-jwt learns a new key only when somebody loads it"),
    (
        "policy:",
        "policy:\n  publish_lead: 6h",
        "policy.publish_lead: publish_lead 6 h is under 24 h",
    ),
    (
        '    checks:\n      - {kind: http, url: "https://one',
        "    #",
        "regions.one: no http check: the region is judged by its origin alone",
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), WARNED)
def test_warnings(tmp_path: Path, old: str, new: str, words: str) -> None:
    settings = loaded(tmp_path, FINE.replace(old, new))
    assert any(words in warning for warning in settings.warnings), settings.warnings
    assert all(warning.startswith(f"{tmp_path}/rotator.yaml:") for warning in settings.warnings)
    assert settings.problems == ()


def test_a_warning_of_many_issuers_is_given_once(tmp_path: Path) -> None:
    more = FINE + '  b: {url: "https://b.example"}\n  c: {url: "https://c.example"}\n'
    assert len(loaded(tmp_path, more.replace("[pyjwt]", "[joserfc]")).warnings) == 1
    assert len(loaded(tmp_path, more.replace("[pyjwt]", "[]")).notes) == 1


def test_an_infeasible_policy_still_loads(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FINE.replace("policy:", "policy:\n  leeway: 300s"))
    with pytest.raises(PolicyInfeasible, match="1 problem") as refusal:
        require_feasible(settings)
    assert refusal.value.exit_code == 78
    assert refusal.value.detail.startswith(
        f"{tmp_path}/rotator.yaml:3: policy.leeway: leeway 5 m is above 120 s"
    )
    require_feasible(loaded(tmp_path, FINE))


UNREADABLE = [
    (b"\xff\xfe", "rotator.yaml:1: not UTF-8 text"),
    (b"a: 1\nb: \xff\n", "rotator.yaml:2: not UTF-8 text"),
    (b"version: 1\nregions: [\n", "rotator.yaml:3: not YAML: "),
    (b"#" * (1024 * 1024 + 1), "larger than 1024 KiB"),
    (b"", "version: is missing"),
]


@pytest.mark.parametrize(("content", "words"), UNREADABLE)
def test_unreadable(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "rotator.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        load(path, {})
    assert words in refusal.value.detail
    assert refusal.value.exit_code == 78


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    assert refused(tmp_path, "\ufeff" + FINE) == []


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration at") as refusal:
        load(tmp_path / "rotator.yaml", {})
    assert "rotator init" in refusal.value.hint


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_which_file() -> None:
    assert config_path(Path("a.yaml"), {"ROTATOR_CONFIG": "b.yaml"}) == Path("a.yaml")
    assert config_path(None, {"ROTATOR_CONFIG": "b.yaml"}) == Path("b.yaml")
    assert config_path(None, {"ROTATOR_CONFIG": ""}) == Path("rotator.yaml")


def test_what_cannot_be_cured_ends_the_reading(tmp_path: Path) -> None:
    problems = Problems("x")
    path = write(tmp_path, FINE.replace("kind: file, path", "kind: file, pth"))
    assert read_all(path, {}, problems) is None
    assert problems
