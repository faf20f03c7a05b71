"""What AWS refuses, through the real commands: one clear error that names region, action and what to change.

Nothing is half done then, and once the cause is gone an ordinary apply finishes. What ministack cannot refuse is
refused in its place, in AWS's words (IAM User Guide, "Troubleshoot access denied error messages").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from botocore.awsrequest import AWSResponse

from tests.e2e.aws_faults import Broken, action
from tests.e2e.aws_hooks import Call, answer, passed_on, refusal
from tests.e2e.kms_life import FIRST, SOON, SWITCH, TWO, Life, Lives
from tests.e2e.place import ISSUER, Place, Ran
from tests.servers.faulty import Answer, FaultyProxy
from tests.servers.s3 import S3Endpoint

pytestmark = [pytest.mark.ministack, pytest.mark.slow]

PRIMARY, OTHER = TWO
CLOSED, FAILED = 3, 1
TOKEN = ("token", ISSUER, "--region", OTHER)
APPLY = ("apply", "--yes")
ROLE = "arn:aws:iam::123456789012:role/rotator"
Refusal = Callable[[Call], AWSResponse]


@dataclass(frozen=True)
class Row:
    """A kind of call that is refused, the error that the command ends with, what it says, and what is to be done.

    `{key}` is the ARN that the region signs with.
    """

    call: str
    refused: Refusal
    code: str
    says: str
    do: str
    region: str = OTHER

    @property
    def command(self) -> tuple[str, ...]:
        """Signing is what `token` does, everything else is `apply`'s."""
        return TOKEN if self.call in {"Sign key", "GetObject signing.json"} else APPLY


def denied(because: str, account: str = "") -> Refusal:
    """AccessDenied, and how the policies came to it; the account is the key's unless another is given."""

    def refuse(call: Call) -> AWSResponse:
        theirs = call.key.split(":")[4] if ":" in call.key else "123456789012"
        who = f"arn:aws:iam::{account or theirs}:user/ci"
        named = f"{action(call.operation)} on resource: {call.key or '*'}"
        words = f"User: {who} is not authorized to perform: {named} {because}"
        return refusal(call, 400, "AccessDeniedException", words)

    return refuse


def answers(status: int, code: str) -> Refusal:
    """An error whose code says all."""
    return lambda call: refusal(call, status, code, code)


def elsewhere(call: Call) -> AWSResponse:
    """The bucket is in another region."""
    xml = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"
    return answer(call, 301, xml, {"x-amz-bucket-region": "eu-west-1"})


EXPIRED = "get fresh credentials for profile tests"
BEFORE_ANY_KEY = {
    "expired": Row(
        "CreateKey keys",
        answers(400, "ExpiredTokenException"),
        "E_KEY_STORE_DENIED",
        "the credentials have expired",
        EXPIRED,
        PRIMARY,
    ),
    "an access key that KMS does not know": Row(
        "CreateKey keys",
        answers(400, "UnrecognizedClientException"),
        "E_KEY_STORE_DENIED",
        "the access key is unknown there",
        "correct the access key of profile tests",
        PRIMARY,
    ),
    "the organization forbids multi-region keys": Row(
        "CreateKey keys",
        denied("with an explicit deny in a service control policy"),
        "E_KEY_STORE_DENIED",
        "explicit deny in a service control policy",
        "take the Deny of kms:CreateKey out of the organization's service control policy; "
        "rotator needs multi-region keys",
        PRIMARY,
    ),
    "expired in the middle": Row(
        "PutObject jwks.json",
        answers(400, "ExpiredToken"),
        "E_TARGET_DENIED",
        "the credentials have expired",
        EXPIRED,
    ),
    "no permission to make the alias": Row(
        "CreateAlias alias",
        denied("because no identity-based policy allows the kms:CreateAlias action"),
        "E_TARGET_DENIED",
        "kms:CreateAlias",
        "grant kms:CreateAlias on arn:aws:kms:eu-central-1:*:alias/",
    ),
}
"""In the order in which a first apply comes to them."""
WITH_KEYS = {
    "another account": Row(
        "Sign key",
        denied("because no resource-based policy allows the kms:Sign action", "999999999999"),
        "E_KEY_STORE_DENIED",
        "but profile tests belongs to 999999999999",
        "correct profile or role_arn of this region",
    ),
    "a key policy that does not allow it": Row(
        "Sign key",
        denied("because no resource-based policy allows the kms:Sign action"),
        "E_KEY_STORE_DENIED",
        "profile tests may not",
        "allow kms:Sign in the key policy of {key}",
    ),
    "a key policy that forbids it": Row(
        "Sign key",
        denied("with an explicit deny in a resource-based policy"),
        "E_KEY_STORE_DENIED",
        "profile tests may not",
        "take the Deny of kms:Sign out of the key policy of {key}",
    ),
    "no policy that allows it": Row(
        "Sign key",
        denied("because no identity-based policy allows the kms:Sign action"),
        "E_KEY_STORE_DENIED",
        "profile tests may not",
        "grant kms:Sign on {key}",
    ),
    "a bucket in another region": Row(
        "GetObject signing.json",
        elsewhere,
        "E_TARGET_MISSING",
        "is in region eu-west-1, not in eu-central-1",
        "correct aws.region of this region",
    ),
}


def test_what_is_refused_is_said_once_and_clearly(lives: Lives) -> None:
    life = lives.begin()
    for name, row in BEFORE_ANY_KEY.items():
        meets(life, name, row)
        life.clock.advance(SOON)
    life.goes_on(FIRST, "nothing is refused any more")
    for name, row in WITH_KEYS.items():
        meets(life, name, row)
        life.place.token(OTHER)
    life.goes_on(FIRST, "nothing was changed")


def meets(life: Life, name: str, row: Row) -> None:
    broken = Broken(row.region, row.call, lambda call, _: row.refused(call))
    life.clients.around = broken
    ran = life.place.run(*row.command)
    life.clients.around = passed_on
    assert broken.met, name
    key = life.onlooker.target(row.region)
    operation = action(row.call.partition(" ")[0])
    tells(
        ran,
        CLOSED,
        row.code,
        f" in {row.region}",
        f"{operation}:",
        row.says,
        row.do.format(key=key),
    )
    life.onlooker.everything_verifies(life.clock.now(), name)


def tells(ran: Ran, exit_code: int, code: str, *words: str) -> None:
    """One error of that code with those words, and no traceback."""
    text = " ".join((ran.out + ran.err).split())
    assert ran.code == exit_code, ran
    assert text.count(code) == 1, text
    assert "Traceback" not in text
    for word in words:
        assert word in text, (word, text)


# ------------------------------------------------------------------------------------ who one is


def test_no_credentials_at_all(kms_place: Callable[..., Place], lives: Lives) -> None:
    place = kms_place(lives.store)
    for aws in (
        place.config["state"]["aws"],
        *(r["aws"] for r in place.config["regions"].values()),
    ):
        aws.pop("profile", None)
    place.write_config()
    ran = place.run(*APPLY)
    words = f" in {PRIMARY}", "s3:GetObject:", "Unable to locate credentials", "set AWS_PROFILE"
    tells(ran, FAILED, "E_STATE_DENIED", *words)
    assert [place.jwks(region) for region in TWO] == [None, None]


def test_a_profile_that_is_not_there(lives: Lives) -> None:
    life = lives.begin()
    life.lives(FIRST)
    as_somebody_else(life, profile="nobody")
    words = f" in {OTHER}", "s3:GetObject:", "(nobody) could not be found", "correct the profile"
    tells(life.place.run(*TOKEN), CLOSED, "E_TARGET_DENIED", *words)
    as_somebody_else(life, profile="tests")
    life.place.token(OTHER)


def test_a_role_that_cannot_be_assumed(
    lives: Lives, faulty_proxy: Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
) -> None:
    """One region of two asks for a role. The other goes on, nothing is switched, and afterwards everything is."""
    life = lives.begin()
    life.lives(FIRST)
    sts, endpoint = faulty_proxy(lives.store)
    endpoints = {**life.place.config["regions"][OTHER]["aws"]["endpoints"], "sts": endpoint.url}
    as_somebody_else(life, role_arn=ROLE, endpoints=endpoints)
    life.clock.advance(SWITCH.after)
    with sts.failing(Answer(403, NOT_ASSUMED, {"Content-Type": "text/xml"})):
        cannot = f"role {ROLE} cannot be assumed"
        token = life.place.run(*TOKEN)
        tells(
            token, CLOSED, "E_TARGET_DENIED", f" in {OTHER}", cannot, "let the role's trust policy"
        )
        applied = life.place.run(*APPLY)
        assert applied.code == CLOSED
        assert cannot in " ".join(applied.out.split())
        life.onlooker.everything_verifies(life.clock.now(), "no role")
        assert life.place.phases()[0] == "active"
    as_somebody_else(life, role_arn=None, endpoints=endpoints)
    life.goes_on(SWITCH, "without the role")


NOT_ASSUMED = b"""<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/ci \
is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"""


def as_somebody_else(life: Life, **aws: object) -> None:
    """The operator edits how a region is reached."""
    life.place.config["regions"][OTHER]["aws"].update(aws)
    life.place.write_config()


# ------------------------------------------------------------------------------------ what KMS itself refuses


def test_a_key_that_somebody_disabled(lives: Lives) -> None:
    life = lives.begin()
    life.lives(FIRST)
    key, kms = life.onlooker.target(OTHER), life.onlooker.kms[OTHER]
    assert key
    kms.disable_key(KeyId=key)
    enable = f"aws kms enable-key --key-id {key} --region {OTHER}"
    tells(life.place.run(*TOKEN), FAILED, "E_KEY_STORE", f" in {OTHER}", "kms:Sign:", enable)
    kms.enable_key(KeyId=key)
    life.place.token(OTHER)
