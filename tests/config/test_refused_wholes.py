"""What is refused although every member alone is fine: each row changes one thing in a good
configuration, and gives the line and the words.
"""

from pathlib import Path

import pytest

from tests.config.files import (
    FINE,
    JWKS_TWO,
    assert_refused,
    check_one,
    instead,
    issuer,
    jwks_two,
    policy,
    refused,
)

URLS = [
    (
        "http for an issuer",
        instead('"https://auth', '"http://auth'),
        16,
        "issuers.accounts.url: http: lets anyone",
    ),
    (
        "http for a check",
        check_one('{kind: http, url: "http://one.example.com/{issuer}"}'),
        9,
        "checks[0].url: http: lets anyone",
    ),
    (
        "http for clients",
        issuer('jwks_url: "http://a.example"'),
        16,
        "issuers.accounts.jwks_url: http: lets anyone",
    ),
    (
        "http for S3",
        instead("  two:", "  two:\n    aws: {endpoints: {s3: 'http://s3.example'}}"),
        11,
        "regions.two.aws.endpoints.s3: http: lets anyone",
    ),
    (
        "another scheme",
        check_one("{kind: http, url: 'ftp://a.example'}"),
        9,
        "'ftp://a.example' is no URL: write https://host/path",
    ),
    ("no host", check_one("{kind: http, url: 'https:///x'}"), 9, "is no URL"),
    (
        "a password",
        check_one("{kind: http, url: 'https://a:b@c.example'}"),
        9,
        "must not hold a user or a password",
    ),
    (
        "a fragment",
        check_one("{kind: http, url: 'https://a.example/#x'}"),
        9,
        "must not end in a fragment",
    ),
    (
        "an odd port",
        check_one("{kind: http, url: 'https://a.example:99999/'}"),
        9,
        "is no URL: Port out of range",
    ),
    (
        "another placeholder",
        check_one("{kind: http, url: 'https://a.example/{region}'}"),
        9,
        "{issuer} is the only one",
    ),
]

CACHING = [
    ("null", jwks_two("cache_control: null"), 11, "regions.two.jwks.cache_control: there is none"),
    (
        "empty",
        jwks_two("cache_control: ''"),
        11,
        "there is none: some verifiers then never look again",
    ),
    (
        "no-cache",
        jwks_two("cache_control: no-cache"),
        11,
        "no-cache makes verifiers and edges fetch the keys again at every token",
    ),
    ("no-store", jwks_two("cache_control: 'no-store, max-age=60'"), 11, "no-store makes verifiers"),
    (
        "max-age 0",
        jwks_two("cache_control: 'public, max-age=0'"),
        11,
        "max-age is not a number of seconds above 0",
    ),
    ("no max-age", jwks_two("cache_control: public"), 11, "it has no max-age"),
    ("a number", jwks_two("cache_control: 300"), 11, "a Cache-Control header expected, not 300"),
]

PLACES = [
    (
        "two regions, one file",
        instead(JWKS_TWO, '{kind: file, path: "x/../one/{issuer}/jwks.json"}'),
        11,
        "regions.two.jwks: two regions share one object: one/accounts/jwks.json is also the jwks of accounts in one (line 6)",
    ),
    (
        "two regions, one S3 object",
        instead('{kind: file, path: "one/{issuer}/jwks.json"}', JWKS_TWO),
        11,
        "two regions share one object: s3://jwks-two/accounts/jwks.json is also the jwks of accounts in one",
    ),
    (
        "both documents in one object",
        instead(
            'bucket: signing-two, key: "{issuer}/signing.json"',
            'bucket: jwks-two, key: "{issuer}/jwks.json"',
        ),
        12,
        "regions.two.signing: s3://jwks-two/accounts/jwks.json is also the region's jwks",
    ),
    (
        "two issuers, one object",
        instead(JWKS_TWO, "{kind: s3, bucket: jwks-two, key: jwks.json}")
        + '  pay: {url: "https://pay.example.com"}\n',
        11,
        "accounts and pay would share one object (s3://jwks-two/jwks.json): put {issuer} into it",
    ),
    (
        "a document inside a document",
        instead("one/{issuer}/signing.json", "one/{issuer}/jwks.json/signing.json"),
        7,
        "regions.one.signing: one/accounts/jwks.json/signing.json would lie inside one/accounts/jwks.json",
    ),
    (
        "a document among private keys",
        instead("one/{issuer}/jwks.json", ".rotator/keys/{issuer}/jwks.json"),
        6,
        "regions.one.jwks: .rotator/keys/accounts/jwks.json lies among the private keys",
    ),
    (
        "a document over the state",
        instead("one/{issuer}/jwks.json", ".rotator/state.db"),
        6,
        "state.db is the state",
    ),
    (
        "a document over this file",
        instead("one/{issuer}/jwks.json", "rotator.yaml"),
        6,
        "is this configuration",
    ),
    (
        "a folder's path",
        instead("one/{issuer}/jwks.json", "one/{issuer}/"),
        6,
        "a file's path expected, not a folder's",
    ),
    (
        "somebody's home",
        instead("one/{issuer}/jwks.json", "~bob/{issuer}"),
        6,
        "only ~/ is understood",
    ),
    (
        "two regions, one URL",
        instead("https://two.example.com", "https://one.example.com"),
        14,
        "is a check of one too; a URL in front of several regions is the issuer's jwks_url",
    ),
    (
        "two issuers, one check",
        check_one('{kind: http, url: "https://one.example.com/"}')
        + '  pay: {url: "https://pay.example.com"}\n',
        9,
        "accounts and pay would share https://one.example.com/: put {issuer} into it",
    ),
    (
        "two issuers, one url",
        FINE + '  pay: {url: "https://auth.example.com"}\n',
        17,
        "issuers.pay.url: https://auth.example.com belongs to accounts too (its url, rotator.yaml:16)",
    ),
    (
        "a bucket that cannot be",
        instead("jwks-two", "Jwks_Two"),
        11,
        "'Jwks_Two' is no bucket name",
    ),
    (
        "a key that begins with /",
        instead('"{issuer}/jwks.json"}', '"/{issuer}"}'),
        11,
        "an object key neither begins nor ends",
    ),
]

CHECKS = [
    (
        "an address that is none",
        check_one("{kind: http, url: 'https://a.example', resolve: [edge]}"),
        9,
        "checks[0].resolve[0]: an IP address expected",
    ),
    (
        "no sample",
        check_one("{kind: http, url: 'https://a.example', samples: 0}"),
        9,
        "checks[0].samples: at least 1",
    ),
    (
        "a verifier without a URL",
        check_one("{kind: verifier}"),
        9,
        "checks[0]: needs a url, or urls",
    ),
    (
        "one of its URLs is insecure",
        check_one("{kind: verifier, urls: ['http://a.example']}"),
        9,
        "checks[0].urls[0]: http: lets anyone",
    ),
    (
        "a verifier that no policy names",
        check_one("{kind: verifier, url: 'https://a.example', covers: [envoy]}"),
        9,
        "checks[0].covers[0]: no policy has a verifier 'envoy'; they are pyjwt",
    ),
    (
        "a clock that is no host",
        check_one("{kind: clock, ntp: 'time example'}"),
        9,
        "checks[0].ntp: host or host:port expected",
    ),
    (
        "a clock's port that is none",
        check_one("{kind: clock, ntp: 'time.example:70000'}"),
        9,
        "checks[0].ntp: host or host:port expected",
    ),
    ("a canary without a URL", check_one("{kind: canary}"), 9, "checks[0].url: is missing"),
    (
        "a kind that there is not",
        check_one("{kind: ping, url: 'https://a.example'}"),
        9,
        "'ping' is no kind; the kinds are http, verifier, clock, canary",
    ),
]

INFEASIBLE = [
    (
        "leeway 300 s",
        policy("leeway: 300s"),
        3,
        "policy.leeway: leeway 5 m is above 120 s: mend the clocks",
    ),
    (
        "clocks too far apart",
        policy("max_clock_drift: 1m"),
        3,
        "policy.max_clock_drift: max_clock_drift 1 m > leeway 30 s",
    ),
    (
        "a lead shorter than the edge's cache",
        policy("edge_cache: 25h"),
        3,
        "edge_cache 25 h > publish_lead 24 h (design T7)",
    ),
    (
        "a lead shorter than a region's max-age",
        jwks_two("cache_control: max-age=90000"),
        11,
        "regions.two.jwks.cache_control: max-age of two's JWKS 25 h > publish_lead 24 h",
    ),
    (
        "rotating sooner than the slowest cache allows",
        instead("[pyjwt]", "[{name: slow, add: 100d}]"),
        3,
        "policy.verifiers: rotate_every 90 d < staleness 100 d 1 h 6 m of",
    ),
    (
        "an issuer rotating too often",
        issuer("policy: {rotate_every: 2d}"),
        16,
        "issuers.accounts.policy.rotate_every: rotate_every 2 d <",
    ),
    (
        "a history too small",
        policy("history: 2"),
        3,
        "policy.history: history 2 < 1 active + 1 standby + ⌈(",
    ),
    (
        "bakes that leave no time for the next key's lead",
        policy("waves: [[one], [two]]\n  bake: 87d"),
        4,
        "policy.bake: 1 × (bake 87 d + run_every 24 h) = 88 d > rotate_every 90 d − 3 d for the next key's lead",
    ),
    (
        "too many keys for a verifier",
        policy("rotate_every: 7d").replace("pyjwt", "node-jwks-rsa"),
        3,
        "7 keys > what node-jwks-rsa reads, 5",
    ),
]

TABLE = [
    pytest.param(text, line, words, id=f"{group}: {what}")
    for group, rows in (
        ("urls", URLS),
        ("caching", CACHING),
        ("places", PLACES),
        ("checks", CHECKS),
        ("infeasible", INFEASIBLE),
    )
    for what, text, line, words in rows
]


@pytest.mark.parametrize(("text", "line", "words"), TABLE)
def test_refused(tmp_path: Path, text: str, line: int, words: str) -> None:
    assert_refused(tmp_path, text, line, words)


SEVERAL = """\
version: 1
policy:
  leeway: 300s
  publish_lead: 24
  levay: 30s
regions:
  one:
    jwks: {kind: s3, bucket: jwks, key: "{issuer}.json", cache_control: no-store}
    signing: {kind: s3, bucket: jwks, key: "{issuer}.json"}
    checks: [{kind: http, url: "http://one.example.com/{issuer}"}]
issuers:
  accounts: {url: "https://auth.example.com", regions: [one, mars]}
  accounts: {url: "https://auth.example.com"}
"""


def test_everything_at_once(tmp_path: Path) -> None:
    starts = [
        "rotator.yaml:3: policy.leeway: leeway 5 m is above",
        "rotator.yaml:4: policy.publish_lead: 24 has no unit",
        "rotator.yaml:5: policy.levay: unknown member",
        "rotator.yaml:8: regions.one.jwks.cache_control: no-store",
        "rotator.yaml:9: regions.one.signing: s3://jwks/accounts.json is also",
        "rotator.yaml:10: regions.one.checks[0].url: http:",
        "rotator.yaml:12: issuers.accounts.regions[1]: there is no region 'mars'",
        "rotator.yaml:13: issuers.accounts: stands there twice",
    ]
    problems = refused(tmp_path, SEVERAL)
    assert len(problems) == len(starts)
    assert all(problem.startswith(start) for problem, start in zip(problems, starts, strict=True))


def test_a_member_that_is_wrong_is_no_ground_for_more(tmp_path: Path) -> None:
    """A lead that cannot be read must not be judged as if it were the default."""
    text = policy(
        "rotate_every: 1h\n  publish_lead: 10\n  refresh_token_lifetime: 0\n  signer_stop: 5m\n  run_every: 1m"
    )
    assert refused(tmp_path, text) == [
        "rotator.yaml:4: policy.publish_lead: 10 has no unit: write 10s"
    ]
