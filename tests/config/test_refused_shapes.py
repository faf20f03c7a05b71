"""Shapes and values that are refused: each row changes one thing in a good
configuration, and gives the line and the words.
"""

from pathlib import Path

import pytest

from tests.config.files import (
    FINE,
    ISSUER,
    JWKS_TWO,
    assert_refused,
    check_one,
    instead,
    issuer,
    jwks_two,
    policy,
    refused,
)

MEMBERS = [
    # what, the file, line, words
    ("an unknown member", FINE + "polcy: {}\n", 17, "polcy: unknown member; did you mean policy?"),
    (
        "an unknown member in a policy",
        policy("levay: 30s"),
        3,
        "policy.levay: unknown member; did you mean leeway?",
    ),
    (
        "nothing near it",
        jwks_two("xyzzy: 1"),
        11,
        "regions.two.jwks.xyzzy: unknown member; known here: kind, bucket, key",
    ),
    (
        "an unknown member of a check",
        check_one('{kind: http, url: "https://x.example/{issuer}", u: 1}'),
        9,
        "checks[0].u: unk",
    ),
    (
        "a passphrase in the file",
        FINE + "keys: {kind: local, passphrase: hunter2}\n",
        17,
        "keys.passphrase: unknown member",
    ),
    ("no version", instead("version: 1\n", "# rotator\n"), 1, "version: is missing"),
    ("another version", instead("version: 1", "version: 2"), 1, "version: 1 expected, not 2"),
    (
        "no signing target",
        instead("    signing: {kind: file", "    #"),
        5,
        "regions.one.signing: is missing",
    ),
    ("no url", instead(ISSUER, "accounts: {}"), 16, "issuers.accounts.url: is missing"),
    (
        "a null issuer",
        instead(ISSUER, "accounts:"),
        16,
        "issuers.accounts: a mapping expected, not nothing",
    ),
    ("no issuers", FINE[: FINE.index("issuers:")], 1, "issuers: at least one issuer is needed"),
    (
        "a list for a mapping",
        instead(ISSUER, "[accounts]"),
        15,
        "issuers: a mapping expected, not a list",
    ),
    ("a list for the file", "- version: 1\n", 1, "a mapping expected, not a list"),
    ("no kind", instead(JWKS_TWO, "{bucket: b}"), 11, "regions.two.jwks: needs a kind: file, s3"),
    (
        "no kind of what may be null",
        issuer("keys: {}"),
        16,
        "issuers.accounts.keys: needs a kind: kms, kms-wrapped, local",
    ),
    (
        "another kind",
        instead(JWKS_TWO, "{kind: gcs}"),
        11,
        "regions.two.jwks: 'gcs' is no kind; the kinds are file, s3",
    ),
    (
        "text for a target",
        instead(JWKS_TWO, "here"),
        11,
        "a mapping with a kind (file, s3) expected, not 'here'",
    ),
    (
        "a number for text",
        instead(ISSUER, "accounts: {url: 7}"),
        16,
        "issuers.accounts.url: text expected, not 7",
    ),
    (
        "text for a flag",
        FINE + "allow_insecure: 'yes'\n",
        17,
        "allow_insecure: true or false expected, not 'yes'",
    ),
]

DAEMON = [
    ("no port", FINE + "daemon: {listen: localhost}\n", 17, "daemon.listen: host:port expected"),
    ("an odd port", FINE + "daemon: {listen: 'a:99999'}\n", 17, "host:port expected, such as"),
    ("no cron line", FINE + "daemon: {apply: daily}\n", 17, "a cron line of five fields expected"),
    (
        "no region of AWS",
        instead("  two:", "  two:\n    aws: {region: us}"),
        11,
        "an AWS region such as",
    ),
    (
        "no role",
        instead("  two:", "  two:\n    aws: {role_arn: me}"),
        11,
        "arn:aws:iam::ACCOUNT:role/NAME",
    ),
    (
        "an empty path",
        FINE + "state: {kind: sqlite, path: ''}\n",
        17,
        "state.path: must not be empty",
    ),
    (
        "a path of lines",
        FINE + 'state: {kind: sqlite, path: "a\\nb"}\n',
        17,
        "printable text on one line",
    ),
    ("too many keys", policy("history_max: 1001"), 3, "at most 1000 expected, not 1001"),
]

NAMES = [
    (
        "a name with a dot",
        instead("accounts", "acc.ounts"),
        16,
        "a name has letters, digits, - and _, at most 64",
    ),
    ("a name of a path", instead("accounts", "../x"), 16, "a name has letters"),
    ("a long name", instead("accounts", "a" * 65), 16, "a name has letters"),
    ("a region of a path", instead("  one:", "  a/b:"), 5, "a name has letters"),
    (
        "a reserved name",
        instead("  one:", "  jwks_url:"),
        5,
        "jwks_url is what an issuer's own URL is called",
    ),
    (
        "an unknown region",
        issuer("regions: [one, mars]"),
        16,
        "regions[1]: there is no region 'mars'; the regions are one, two",
    ),
    (
        "a region twice",
        issuer("regions: [one, one]"),
        16,
        "issuers.accounts.regions[1]: one is listed twice",
    ),
    (
        "no region at all",
        issuer("regions: []"),
        16,
        "issuers.accounts.regions: at least one is needed",
    ),
    (
        "an issuer twice",
        FINE + f"  {ISSUER}\n",
        17,
        "issuers.accounts: stands there twice, first in line 16",
    ),
    (
        "a policy member twice",
        policy("leeway: 1s\n  leeway: 2s"),
        4,
        "policy.leeway: stands there twice, first in line 3",
    ),
]

NUMBERS = [
    (
        "a duration without a unit",
        policy("leeway: 30"),
        3,
        "policy.leeway: 30 has no unit: write 30s",
    ),
    (
        "no duration",
        policy("leeway: soon"),
        3,
        "'soon' is no duration: write 500ms, 30s, 15m, 24h, 90d, 1d12h or P90D",
    ),
    ("a negative duration", policy("leeway: -30s"), 3, "'-30s' is no duration"),
    ("an impossible duration", policy("rotate_every: 999999999d"), 3, "longer than"),
    (
        "a list for a duration",
        policy("leeway: [30s]"),
        3,
        "a duration such as 30s, 15m or 90d expected, not a list",
    ),
    ("a flag for a duration", policy("leeway: true"), 3, "expected, not true"),
    ("a clock time", policy("leeway: 12:30"), 3, "'12:30' is no duration"),
    ("never rotating", policy("rotate_every: 0"), 3, "policy.rotate_every: must be longer than 0"),
    ("another algorithm", policy("algorithm: HS256"), 3, "'HS256' is none of RS256, RS384"),
    ("small RSA keys", policy("rsa_bits: 1024"), 3, "1024 is none of 2048, 3072, 4096"),
    (
        "fewer than no standby",
        policy("standby_keys: -1"),
        3,
        "policy.standby_keys: at least 0 expected, not -1",
    ),
    (
        "no pass needed",
        policy("passes_required: 0"),
        3,
        "policy.passes_required: at least 1 expected, not 0",
    ),
    ("half a key", policy("history_max: 1.5"), 3, "a whole number expected, not 1.5"),
    ("a history of words", policy("history: all"), 3, "auto or a whole number expected, not 'all'"),
    (
        "an issuer's own",
        issuer("policy: {leeway: 30}"),
        16,
        "issuers.accounts.policy.leeway: 30 has no unit",
    ),
]

VERIFIERS = [
    (
        "an unknown one",
        instead("[pyjwt]", "[pyjw]"),
        3,
        "verifiers[0]: 'pyjw' is no known verifier; nearest: pyjwt",
    ),
    (
        "one without a time",
        instead("[pyjwt]", "[{name: ours}]"),
        3,
        "'ours' is no known verifier, so it needs `add`",
    ),
    (
        "one twice",
        instead("[pyjwt]", "[pyjwt, {name: pyjwt}]"),
        3,
        "policy.verifiers: pyjwt is listed twice",
    ),
    (
        "a wrong time",
        instead("[pyjwt]", "[{name: ours, add: never}]"),
        3,
        "verifiers[0].add: 'never' is no duration",
    ),
    (
        "an unknown member",
        instead("[pyjwt]", "[{name: o, add: 1m, drop: 1m}]"),
        3,
        "drop: unknown member; known here: name, add",
    ),
    ("a number", instead("[pyjwt]", "[7]"), 3, "verifiers[0]: a name or a mapping expected, not 7"),
]

WAVES = [
    (
        "an unknown region",
        policy("waves: [[one], [mars]]"),
        3,
        "policy.waves[1][0]: there is no region 'mars'; the regions are one, two",
    ),
    (
        "an issuer's own",
        issuer("policy: {waves: [[mars]]}"),
        16,
        "issuers.accounts.policy.waves[0][0]: there is no region 'mars'",
    ),
    (
        "a region in two waves",
        policy("waves: [[one], [two, one]]"),
        3,
        "policy.waves: one is listed twice",
    ),
    (
        "a region twice in one",
        policy("waves: [[one, one]]"),
        3,
        "policy.waves: one is listed twice",
    ),
    ("an empty wave", policy("waves: [[one], []]"), 3, "policy.waves[1]: at least one is needed"),
    (
        "no wave but a name",
        policy("waves: [one, two]"),
        3,
        "policy.waves[0]: a list expected, not 'one'",
    ),
    ("a number for a name", policy("waves: [[7]]"), 3, "policy.waves[0][0]: text expected, not 7"),
    ("a bake of nothing", policy("bake: 30"), 3, "policy.bake: 30 has no unit: write 30s"),
]

TABLE = [
    pytest.param(text, line, words, id=f"{group}: {what}")
    for group, rows in (
        ("members", MEMBERS),
        ("names", NAMES),
        ("numbers", NUMBERS),
        ("verifiers", VERIFIERS),
        ("daemon, paths", DAEMON),
        ("waves", WAVES),
    )
    for what, text, line, words in rows
]


@pytest.mark.parametrize(("text", "line", "words"), TABLE)
def test_refused(tmp_path: Path, text: str, line: int, words: str) -> None:
    assert_refused(tmp_path, text, line, words)


def test_the_good_one_is_fine(tmp_path: Path) -> None:
    assert refused(tmp_path, FINE) == []
