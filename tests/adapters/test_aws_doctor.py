"""What the AWS doctor sees in buckets and KMS keys that are not as they should be, and what it says when it may not look."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from rotator.adapters.aws_doctor import (
    AwsDoctor,
    BucketUse,
    EdgeUse,
    KmsUse,
    Purpose,
    WrappingUse,
)
from rotator.adapters.aws_doctor.asking import Way
from rotator.adapters.aws_doctor.buckets import Bucket, noncurrent_days
from rotator.adapters.aws_doctor.cloudfront import (
    behaviour_for,
    judge_ttls,
    legacy_ttls,
    policy_ttls,
)
from rotator.adapters.aws_doctor.identity import Identity
from rotator.adapters.aws_doctor.keys import signing_algorithm
from rotator.adapters.aws_doctor.keystates import KeyInKms, judge_key
from rotator.adapters.aws_doctor.permissions import NO_DRY_RUN, Simulated, _advice, simulated
from rotator.adapters.clock import SystemClock
from rotator.app.doctor.rounds import carried_out
from rotator.aws import AwsAccess, AwsClients
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.keys import Key, KmsHandle, Moments
from rotator.domain.state import Intent, IssuerState
from rotator.jose.public import from_cryptography
from tests.adapters.conftest import Profiles
from tests.servers.faulty import Answer, FaultyProxy, Hang, Request
from tests.servers.ministack import ANYBODY, Ministack
from tests.servers.s3 import S3Endpoint
from tests.servers.webserver import Reply, WebServer

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

US, EU = "us-east-1", "eu-central-1"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
CLOCK = SystemClock()
_numbers = count(1)

Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]


def access(url: str, region: str = US, **members: Any) -> AwsAccess:
    usual = AwsAccess(
        region=region, profile="tested", endpoint=url, kms_endpoint=url, sts_endpoint=url
    )
    return replace(usual, **members)


def said(
    doctor: AwsDoctor, *states: IssuerState, patience: timedelta | None = None
) -> list[Diagnosis]:
    """Everything that a round finds."""
    round_ = doctor.examinations({state.issuer: state for state in states})
    return carried_out(list(round_), patience=patience)


def of(area: Area, found: list[Diagnosis], *healths: Health) -> list[str]:
    wanted = healths or (Health.WARNING, Health.UNKNOWN, Health.ERROR)
    return [
        f"{d.health}: {d.what} ({d.why}) → {d.what_to_do}"
        for d in found
        if d.area is area and d.health in wanted
    ]


# ------------------------------------------------------------------------------------------------ buckets


NOT_MINISTACK = "nobody says whether"
"""It lists the bucket when it is asked for GetBucketPolicyStatus."""


@dataclass(frozen=True)
class Store:
    """A bucket of the test's own."""

    url: str
    name: str
    client: S3Client
    clients: AwsClients

    def use(self, purpose: Purpose = Purpose.SIGNING, **members: Any) -> BucketUse:
        made = BucketUse(purpose, access(self.url), self.name, "accounts/signing.json", US)
        return replace(made, **members)

    def doctor(self, *uses: BucketUse) -> AwsDoctor:
        return AwsDoctor(self.clients, CLOCK, timedelta(seconds=5), buckets=uses)

    def said(self, use: BucketUse, *healths: Health) -> list[str]:
        found = of(Area.BUCKETS, said(self.doctor(use)), *healths)
        return [line for line in found if NOT_MINISTACK not in line]

    def versioned(self) -> None:
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )

    def blocked(self) -> None:
        self.client.put_public_access_block(
            Bucket=self.name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )


@pytest.fixture(scope="module")
def clients() -> AwsClients:
    """One for all tests: reading AWS's descriptions of its services takes longer than any of them."""
    return AwsClients()


@pytest.fixture
def store(
    ministack_server: Ministack,
    clients: AwsClients,
    profiles: Profiles,
    monkeypatch: pytest.MonkeyPatch,
) -> Store:
    profiles({"tested": ANYBODY})
    url, name = ministack_server.endpoint.url, f"doctor-{next(_numbers)}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", url)
    client = clients.s3_for_writing(access(url))
    client.create_bucket(Bucket=name)
    return Store(url, name, client, clients)


@pytest.mark.ministack
def test_a_private_versioned_bucket_is_well(store: Store) -> None:
    store.versioned()
    store.blocked()
    found = said(store.doctor(store.use(), store.use(Purpose.STATE, region=None)))
    unknown, *others = [d for d in found if d.health is not Health.OK]
    assert (unknown.health, unknown.what) == (
        Health.UNKNOWN,
        f"{NOT_MINISTACK} bucket {store.name} (signing) is public",
    )
    assert [d.what.partition(" (")[0] for d in others] == [f"{NOT_MINISTACK} bucket {store.name}"]
    assert [d.what.partition(" (")[0] for d in found if d.area is Area.ACCESS] == [
        "arn:aws:iam::000000000000:root in account 000000000000"
    ]
    assert [d.area for d in found].count(Area.CLOCKS) == 1
    assert f"bucket {store.name} (state) keeps versions" in [d.what for d in found]


@pytest.mark.ministack
def test_a_bare_bucket_is_warned_of_with_the_commands_that_mend_it(store: Store) -> None:
    store.client.put_bucket_ownership_controls(
        Bucket=store.name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    unversioned, unblocked, acls = store.said(store.use())
    assert f"put-bucket-versioning --bucket {store.name}" in unversioned
    assert f"put-public-access-block --bucket {store.name}" in unblocked
    assert (
        "BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets" in unblocked
    )
    assert f"put-bucket-ownership-controls --bucket {store.name}" in acls


@pytest.mark.ministack
def test_a_bucket_elsewhere_and_one_that_is_nowhere(store: Store) -> None:
    (elsewhere,) = store.said(store.use(access=access(store.url, EU)))
    assert elsewhere.startswith(f"error: cannot look at bucket {store.name} (signing) in {EU}")
    assert f"it is in region {US}, not in {EU}" in elsewhere
    assert "correct aws.region" in elsewhere
    (nowhere,) = store.said(store.use(bucket="nobody-has-made-this-one"))
    assert nowhere.startswith("error: there is no bucket nobody-has-made-this-one (signing)")


@pytest.mark.ministack
def test_old_versions_of_wrapped_keys_must_expire(store: Store) -> None:
    store.versioned()
    store.blocked()
    (never,) = store.said(store.use(wrapped=True))
    assert "old versions of accounts/signing.json never expire" in never
    store.client.put_bucket_lifecycle_configuration(
        Bucket=store.name,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "old",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "accounts/"},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
                }
            ]
        },
    )
    assert store.said(store.use(wrapped=True)) == []
    assert f"bucket {store.name} (signing): old versions expire after 3 days" in "".join(
        store.said(store.use(wrapped=True), Health.OK)
    )


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ({"Filter": {"Prefix": ""}}, 3),
        ({"Filter": {}}, 3),
        ({"Prefix": "accounts/"}, 3),
        ({"Filter": {"And": {"Prefix": "accounts/"}}}, 3),
        ({"Filter": {"Prefix": "payments/"}}, None),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}}, None),
        ({"Filter": {"And": {"Prefix": "accounts/", "ObjectSizeLessThan": 5}}}, None),
        ({"Filter": {}, "Status": "Disabled"}, None),
        ({"Filter": {}, "NoncurrentVersionExpiration": {}}, None),
        (
            {
                "Filter": {},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 5},
            },
            None,
        ),
    ],
)
def test_which_rules_promise_that_old_versions_end(rule: dict[str, Any], days: int | None) -> None:
    usual = {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 3}}
    assert noncurrent_days([usual | rule], "accounts/signing.json") == days


def asks(method: str, what: str) -> Callable[[Request], bool]:
    return lambda request: request.method == method and what in request.target


PUBLIC = Answer(
    200,
    b"<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>",
    {"Content-Type": "application/xml"},
)
DENIED = Answer.s3_error(403, "AccessDenied")
BUCKET_ANSWERS: list[tuple[str, Callable[[Request], bool], Answer, str]] = [
    # what is answered to which question, and what is made of it
    ("public", asks("GET", "policyStatus"), PUBLIC, "error: bucket {} (signing) is public by its"),
    (
        "policy",
        asks("GET", "policyStatus"),
        DENIED,
        "unknown: cannot look at|grant s3:GetBucketPol",
    ),
    (
        "versions",
        asks("GET", "versioning"),
        DENIED,
        "unknown: cannot look at|grant s3:GetBucketVers",
    ),
    (
        "block",
        asks("GET", "publicAccessBlock"),
        DENIED,
        "unknown: cannot look at|grant s3:GetBucketPublicAccessBlock on arn:aws:s3:::{} to profile",
    ),
    (
        "not known there",
        asks("GET", "ownershipControls"),
        Answer.s3_error(501, "NotImplemented"),
        "unknown: cannot look at|see to it by the means of that store",
    ),
    (
        "a missing object reads as 403",
        asks("HEAD", "missing-object"),
        Answer(403),
        "error: cannot look at|grant s3:ListBucket on arn:aws:s3:::{}",
    ),
]


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("when", "answer", "expected"),
    [row[1:] for row in BUCKET_ANSWERS],
    ids=[row[0] for row in BUCKET_ANSWERS],
)
def test_what_s3_may_answer(
    store: Store,
    ministack_server: Ministack,
    faulty_proxy: Faulty,
    when: Callable[[Request], bool],
    answer: Answer,
    expected: str,
) -> None:
    store.versioned()
    store.blocked()
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    with proxy.failing(answer, when):
        (line,) = store.said(store.use(access=access(endpoint.url)))
    for part in expected.format(store.name, store.name).split("|"):
        assert part in line


@pytest.mark.ministack
def test_a_public_jwks_bucket_is_what_it_is_for(
    store: Store, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    store.versioned()
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    with proxy.failing(PUBLIC, asks("GET", "policyStatus")):
        use = store.use(Purpose.JWKS, access=access(endpoint.url))
        assert store.said(use) == []
        assert any("is public by its policy" in line for line in store.said(use, Health.OK))


@pytest.mark.ministack
def test_a_bucket_that_may_not_be_seen_is_one_error(
    store: Store, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    with proxy.failing(Answer(403), asks("HEAD", store.name)):
        (line,) = store.said(store.use(access=access(endpoint.url)))
    assert f"grant s3:ListBucket on arn:aws:s3:::{store.name} to profile tested" in line
    assert "runbooks/access-denied.md" in line


@pytest.mark.parametrize(
    ("status", "code", "line"),
    [
        (412, "PreconditionFailed", "ok: bucket jwks (signing) may be written () → "),
        (404, "NoSuchKey", "ok: bucket jwks (signing) may be written () → "),
        (403, "AccessDenied", "grant s3:PutObject on arn:aws:s3:::jwks/accounts/signing.json"),
    ],
)
def test_at_aws_a_write_is_tried_that_cannot_take_effect(
    profiles: Profiles, status: int, code: str, line: str
) -> None:
    """The call is answered before anything is sent, since only AWS's own endpoints are asked like this."""
    profiles({"tested": ANYBODY})
    clients, seen = AwsClients(), []

    def answer(params: dict[str, Any], **_: object) -> Any:
        seen.append(params)
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}}
        parsed = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": metadata}
        return SimpleNamespace(status_code=status), parsed

    reached = AwsAccess(region=EU, profile="tested")
    client = clients.s3_for_reading(reached)
    client.meta.events.register_first("before-call.s3", answer)
    use = BucketUse(Purpose.SIGNING, reached, "jwks", "accounts/signing.json")
    bucket = Bucket(Way(clients, reached), use)
    found = list(bucket._with_refusals(bucket.may_write, needed=True))
    assert line in of(Area.BUCKETS, found, *Health)[0]
    (request,) = seen
    assert (request["method"], request["headers"]["If-Match"]) == ("PUT", f'"{"0" * 32}"')


@pytest.mark.ministack
def test_without_usable_credentials_one_line_says_so(store: Store, profiles: Profiles) -> None:
    for reached, hint in (
        (access(store.url, profile="nobody"), "aws configure --profile"),
        (access(store.url, role_arn="arn:aws:iam::1:role/x", profile="nobody"), "aws configure"),
    ):
        found = said(store.doctor(store.use(access=reached)))
        assert [(d.area, d.health) for d in found] == [(Area.ACCESS, Health.ERROR)]
        assert hint in found[0].what_to_do


@pytest.mark.ministack
def test_a_region_that_hangs_is_given_up(
    store: Store, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    with proxy.failing(Hang()):
        found = said(
            store.doctor(store.use(access=access(endpoint.url))), patience=timedelta(seconds=1)
        )
    assert [(d.area, d.health) for d in found] == [
        (Area.ACCESS, Health.UNKNOWN),
        (Area.BUCKETS, Health.UNKNOWN),
    ]
    assert "it took longer than 1 s" in found[0].why


# ------------------------------------------------------------------------------------------------- keys


@dataclass
class Kms:
    """One issuer's keys in two regions of a KMS, and the state that knows them."""

    url: str
    issuer: str
    clients: AwsClients
    urls: dict[str, str] = field(default_factory=dict)

    def client(self, region: str = US) -> KMSClient:
        return self.clients.kms_for_writing(access(self.url, region))

    def use(self) -> KmsUse:
        accesses = {r: access(self.urls.get(r, self.url), r) for r in (US, EU)}
        return KmsUse(self.issuer, US, accesses, f"alias/rotator/{self.issuer}")

    def key(
        self, moments: Mapping[str, datetime] | None = None, replicas: tuple[str, ...] = (EU,)
    ) -> Key:
        """A key that was staged and published an hour ago, and what else happened to it."""
        tags = {"issuer": self.issuer, "generation": "1", "lineage": "ab", "intent": "i1"}
        made = self.client().create_key(
            KeyUsage="SIGN_VERIFY",
            KeySpec="ECC_NIST_P256",
            MultiRegion=True,
            Tags=[{"TagKey": f"rotator:{k}", "TagValue": v} for k, v in tags.items()],
        )["KeyMetadata"]
        arns = {US: made["Arn"]}
        for region in replicas:
            answer = self.client().replicate_key(KeyId=made["Arn"], ReplicaRegion=region)
            arns[region] = answer["ReplicaKeyMetadata"]["Arn"]
        der = self.client().get_public_key(KeyId=made["Arn"])["PublicKey"]
        public = from_cryptography(load_der_public_key(der))
        jwk = Jwk(thumbprint(public), Algorithm.ES256, public)
        return Key(
            jwk=jwk, generation=1, handle=KmsHandle(US, arns), moments=published(**(moments or {}))
        )

    def said(
        self, *keys: Key, area: Area = Area.KMS, healths: tuple[Health, ...] = ()
    ) -> list[str]:
        state = IssuerState(issuer=self.issuer, lineage="ab", keys=keys)
        doctor = AwsDoctor(self.clients, CLOCK, timedelta(seconds=5), keys=(self.use(),))
        return of(area, said(doctor, state), *healths)


def published(**moments: datetime) -> Moments:
    return Moments(**{"staged_at": NOW - HOUR, "published_at": NOW - HOUR, **moments})


def signing() -> dict[str, datetime]:
    return {"switch_started_at": NOW - HOUR, "activated_at": NOW - HOUR}


@pytest.fixture
def kms(
    ministack_server: Ministack,
    clients: AwsClients,
    profiles: Profiles,
    monkeypatch: pytest.MonkeyPatch,
) -> Kms:
    profiles({"tested": ANYBODY})
    url = ministack_server.endpoint.url
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", url)
    return Kms(url, f"issuer-{next(_numbers)}", clients)


@pytest.mark.ministack
def test_two_sound_keys(kms: Kms) -> None:
    active, standby = kms.key(signing()), kms.key()
    assert kms.said(active, standby) == []
    fine = kms.said(active, standby, healths=(Health.OK,))
    assert f"ok: {active.kid[:8]} (signs) in {EU} is enabled () → " in fine
    assert f"ok: may sign in {US} with {active.kid[:8]}, {standby.kid[:8]} () → " in fine
    assert any("no orphans among" in line for line in fine)


def disable(kms: Kms, key: Key, region: str) -> None:
    kms.client(region).disable_key(KeyId=arn(key, region))


def end(kms: Kms, key: Key, region: str) -> None:
    kms.client(region).schedule_key_deletion(KeyId=arn(key, region), PendingWindowInDays=7)


def arn(key: Key, region: str) -> str:
    assert isinstance(key.handle, KmsHandle)
    return key.handle.arns[region]


RETIRED = {**signing(), "retired_at": NOW - HOUR / 2}
REMOVED = {**RETIRED, "removal_started_at": NOW, "removed_at": NOW}
SAVE = "aws kms cancel-key-deletion --key-id {arn} --region {eu}"
ENABLE = "aws kms enable-key --key-id {arn} --region {eu}"
HARMS: list[tuple[str, dict[str, datetime], Callable[[Kms, Key, str], None] | None, str]] = [
    # the key's moments, what happens to it in eu-central-1, what is said
    ("signs, disabled", signing(), disable, "error: {kid} (signs) in {eu} is disabled|enable-key"),
    ("stands by, disabled", {}, disable, "error: {kid} (stands by) in {eu} is disabled"),
    ("retired, disabled", RETIRED, disable, "warning: {kid} (retired) in {eu} is disabled"),
    (
        "signs, pending deletion",
        signing(),
        end,
        f"error: {{kid}} (signs) in {{eu}} is pending deletion on 20|its tokens still live|→ {SAVE} && {ENABLE}",
    ),
    (
        "live tokens, pending deletion",
        {**RETIRED, "disabled_at": NOW},
        end,
        f"error: {{kid}} (retired) in {{eu}} is pending deletion on 20|its tokens still live|→ {SAVE}",
    ),
    ("removed, pending deletion", REMOVED, end, ""),
    (
        "enabled again",
        {**REMOVED, "disabled_at": NOW},
        None,
        "warning: {kid} (removed) in {eu} is enabled|aws kms disable-key --key-id {arn}",
    ),
    (
        "its deletion cancelled",
        {**REMOVED, "disabled_at": NOW, "destroyed_at": NOW},
        None,
        "warning: {kid} (removed) in {eu} is Enabled|aws kms schedule-key-deletion --key-id {arn}",
    ),
]


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("moments", "harm", "expected"), [row[1:] for row in HARMS], ids=[row[0] for row in HARMS]
)
def test_a_key_that_is_not_in_the_state_it_should_be_in(
    kms: Kms,
    moments: dict[str, datetime],
    harm: Callable[[Kms, Key, str], None] | None,
    expected: str,
) -> None:
    key = kms.key(moments)
    if harm:
        harm(kms, key, EU)
    found = [line for line in kms.said(key) if f" in {EU} " in line]
    assert len(found) == (1 if expected else 0), found
    for part in expected.format(kid=key.kid[:8], eu=EU, arn=arn(key, EU)).split("|"):
        assert part in "".join(found)


@pytest.mark.ministack
def test_a_missing_replica_and_one_that_is_gone(kms: Kms) -> None:
    key = kms.key(signing(), replicas=())
    (missing,) = kms.said(key)
    assert missing.startswith(f"warning: {key.kid[:8]} has no replica in {EU}")
    assert missing.endswith("rotator apply makes it")
    gone = KmsHandle(US, {US: arn(key, US), EU: arn(key, US).replace(US, EU)})
    (error,) = kms.said(replace(key, handle=gone))
    assert error.startswith(f"error: {key.kid[:8]} (signs) in {EU} is gone")


@pytest.mark.ministack
def test_a_key_that_is_published_as_another(kms: Kms) -> None:
    key, other = kms.key(signing()), kms.key()
    swapped = replace(key, jwk=other.jwk)
    error, *_ = kms.said(swapped, other)
    assert f"{arn(key, US)} is not the key that {other.kid[:8]} is published as" in error


@pytest.mark.ministack
def test_orphans_are_named_with_how_to_end_them(kms: Kms) -> None:
    known, orphan, ended = kms.key(signing()), kms.key(), kms.key(replicas=())
    end(kms, ended, US)
    (line,) = kms.said(known)
    assert line.startswith(f"warning: {arn(orphan, US)} ({kms.issuer}/1) is in no state of this")
    assert f"aws kms schedule-key-deletion --key-id {arn(orphan, US)} --region {US}" in line
    other = IssuerState(issuer=kms.issuer, lineage="cd", keys=(known,))
    doctor = AwsDoctor(kms.clients, CLOCK, timedelta(seconds=5), keys=(kms.use(),))
    (line,) = of(Area.KMS, said(doctor, other))
    assert "it belongs to another state (lineage ab)" in line
    intent = Intent(id="i1", opened_at=NOW, steps=())
    waiting = IssuerState(issuer=kms.issuer, lineage="ab", keys=(known,), unanswered=(intent,))
    assert of(Area.KMS, said(doctor, waiting)) == []


@pytest.mark.ministack
def test_keys_that_hide_their_tags_are_counted_and_if_all_do_nobody_can_tell(
    kms: Kms, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    key = kms.key(signing())
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    kms.urls[US] = endpoint.url
    refused = kms_error("AccessDeniedException")
    asked = call("ListResourceTags")
    with proxy.failing(refused, asked):
        (error,) = kms.said(key)
    assert error.startswith("error: cannot look at the tags of")
    assert "grant kms:ListResourceTags" in error
    once = iter([True])
    with proxy.failing(refused, lambda request: asked(request) and next(once, False)):
        fine = "".join(kms.said(key, healths=(Health.OK,)))
    assert "(1 do not show their tags)" in fine


def call(operation: str) -> Callable[[Request], bool]:
    return lambda request: request.headers.get("x-amz-target", "").endswith(f".{operation}")


def kms_error(code: str) -> Answer:
    body = json.dumps({"__type": code, "message": "not today"}).encode()
    return Answer(400, body, {"Content-Type": "application/x-amz-json-1.1"})


REFUSALS: list[tuple[str, str, Answer, str]] = [
    # where, which call, what it answers, what is said
    (
        EU,
        "Sign",
        kms_error("AccessDeniedException"),
        "unknown: may not sign in eu-central-1|kms:Sign",
    ),
    (
        EU,
        "DescribeKey",
        kms_error("AccessDeniedException"),
        "error: cannot look|grant kms:DescribeKey",
    ),
    (
        EU,
        "GetPublicKey",
        kms_error("AccessDeniedException"),
        "unknown: cannot|grant kms:GetPublicKey",
    ),
    (
        US,
        "GetPublicKey",
        kms_error("AccessDeniedException"),
        "error: cannot|grant kms:GetPublicKey",
    ),
    (
        US,
        "ListKeys",
        kms_error("AccessDeniedException"),
        "error: cannot look|grant kms:ListKeys on *",
    ),
    (EU, "DescribeKey", kms_error("Odd"), "error: cannot|API reference"),
    (EU, "Sign", kms_error("ThrottlingException"), "unknown: cannot look at|too many requests"),
]


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("region", "operation", "answer", "expected"),
    REFUSALS,
    ids=[f"{row[1]}-{row[0]}-{number}" for number, row in enumerate(REFUSALS)],
)
def test_a_refusal_is_unknown_unless_rotator_needs_the_action(
    kms: Kms,
    ministack_server: Ministack,
    faulty_proxy: Faulty,
    region: str,
    operation: str,
    answer: Answer,
    expected: str,
) -> None:
    key = kms.key(signing())
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    kms.urls[region] = endpoint.url
    with proxy.failing(answer, call(operation)):
        (line,) = kms.said(key)
    for part in expected.split("|"):
        assert part in line


@pytest.mark.ministack
def test_a_dry_run_signs_nothing(
    kms: Kms, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    """KMS answers a dry run that would succeed with an error of its own; nothing but questions is sent."""
    key = kms.key(signing())
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    kms.urls = {US: endpoint.url, EU: endpoint.url}
    with proxy.failing(kms_error("DryRunOperationException"), call("Sign")):
        assert kms.said(key) == []
    called = {r.headers.get("x-amz-target", "").rpartition(".")[2] for r in proxy.requests}
    assert called <= {*("", "DescribeKey", "GetPublicKey", "Sign", "ListKeys", "ListResourceTags")}


MADE = published(**signing())
JUDGED: list[tuple[str, Moments, str | None, Health]] = [
    ("Creating", MADE, "Creating", Health.WARNING),
    ("Updating", MADE, "Updating", Health.WARNING),
    ("Unavailable", MADE, "Unavailable", Health.ERROR),
    ("PendingImport", MADE, "PendingImport", Health.ERROR),
    ("the primary of replicas that end", MADE, "PendingReplicaDeletion", Health.ERROR),
    ("gone, retired", published(**RETIRED), None, Health.WARNING),
    ("gone, destroyed", published(**REMOVED, destroyed_at=NOW), None, Health.OK),
    ("ending, destroyed", published(**REMOVED, destroyed_at=NOW), "PendingDeletion", Health.OK),
    ("removed", published(**REMOVED), "Enabled", Health.OK),
    ("disabled as told", published(**RETIRED, disabled_at=NOW), "Disabled", Health.OK),
    ("revoked, enabled", published(**signing(), revoked_at=NOW), "Enabled", Health.WARNING),
]


@pytest.mark.parametrize(
    ("moments", "state", "health"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED]
)
def test_every_state_of_a_key(moments: Moments, state: str | None, health: Health) -> None:
    judged, _, _, what_to_do = judge_key(key_with(moments), KeyInKms("arn", EU, state))
    assert judged is health
    assert bool(what_to_do) is (health is not Health.OK)


def key_with(moments: Moments) -> Key:
    from tests.render.scenarios import old_key

    return replace(old_key(), handle=KmsHandle(US, {US: "arn"}), moments=moments)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (Algorithm.RS256, ("RSASSA_PKCS1_V1_5_SHA_256", "DIGEST")),
        (Algorithm.PS384, ("RSASSA_PSS_SHA_384", "DIGEST")),
        (Algorithm.ES512, ("ECDSA_SHA_512", "DIGEST")),
        (Algorithm.ED25519, ("ED25519_SHA_512", "RAW")),
        (Algorithm.EDDSA, ("ED25519_SHA_512", "RAW")),
    ],
)
def test_what_kms_calls_an_algorithm(algorithm: Algorithm, name: tuple[str, str]) -> None:
    assert signing_algorithm(algorithm) == name


# ------------------------------------------------------------------------------------ wrapping, permissions


def wrapping_doctor(kms: Kms, use: WrappingUse) -> AwsDoctor:
    return AwsDoctor(kms.clients, CLOCK, timedelta(seconds=5), wrapping=(use,))


@pytest.mark.ministack
def test_a_wrapping_key_in_one_region_of_two(kms: Kms) -> None:
    made = kms.client().create_key(KeyUsage="ENCRYPT_DECRYPT", MultiRegion=True)["KeyMetadata"]
    by_alias, by_arn = (
        WrappingUse(kms.issuer, US, kms.use().accesses, name, Algorithm.ES256, 3072)
        for name in (f"alias/wrapping-{kms.issuer}", made["Arn"])
    )
    kms.client().create_alias(AliasName=by_alias.wrapping_key, TargetKeyId=made["Arn"])
    for use in (by_alias, by_arn):
        doctor = wrapping_doctor(kms, use)
        found = said(doctor, IssuerState(issuer=kms.issuer))
        (error,) = of(Area.KMS, found)
        assert error.startswith(f"error: {use.wrapping_key} does not exist in {EU}")
        assert f"may have a ECC_NIST_P256 pair made under {use.wrapping_key}" in "".join(
            of(Area.KMS, found, Health.OK)
        )
    kms.client().schedule_key_deletion(KeyId=made["Arn"], PendingWindowInDays=7)
    dying = "".join(of(Area.KMS, said(wrapping_doctor(kms, by_arn))))
    assert f"aws kms cancel-key-deletion --key-id {made['Arn']} --region {US} && aws kms" in dying


@pytest.mark.ministack
def test_a_key_that_cannot_wrap_and_a_pair_that_may_not_be_made(
    kms: Kms, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    signer = kms.key()
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    reached = {US: access(endpoint.url)}
    use = WrappingUse(kms.issuer, US, reached, arn(signer, US), Algorithm.RS256, 4096)
    doctor = wrapping_doctor(kms, use)
    pair = call("GenerateDataKeyPairWithoutPlaintext")
    with proxy.failing(kms_error("AccessDeniedException"), pair):
        wrong, denied = of(Area.KMS, said(doctor))
    assert "is for SIGN_VERIFY" in wrong
    assert denied.startswith("error: cannot look at the wrapping key")
    assert "grant kms:GenerateDataKeyPairWithoutPlaintext" in denied


@pytest.mark.ministack
def test_what_has_no_dry_run_is_simulated(kms: Kms, ministack_server: Ministack) -> None:
    import boto3

    iam = boto3.client(
        "iam",
        endpoint_url=kms.url,
        region_name=US,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    allowed = [action for action in NO_DRY_RUN if action != "kms:ScheduleKeyDeletion"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.create_user(UserName=kms.issuer)
    iam.put_user_policy(
        UserName=kms.issuer,
        PolicyName="applier",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    who = Identity("000000000000", f"arn:aws:iam::000000000000:user/{kms.issuer}", None)
    way = Way(kms.clients, access(kms.url))
    fine, denied = simulated(way, kms.use(), who, None)
    assert fine.health is Health.OK
    assert ", ".join(allowed) in fine.what
    assert denied.health is Health.WARNING
    assert denied.what.endswith("do not allow kms:ScheduleKeyDeletion")
    assert "key policy" in denied.why


def test_what_depends_on_more_than_a_simulation_knows_is_unknown() -> None:
    allowed = Simulated("kms:CreateKey", allowed=True, explicitly_denied=False, missing=())
    results = [
        allowed,
        replace(allowed, action="kms:DisableKey", allowed=False, missing=("aws:SourceVpc",)),
        replace(allowed, action="kms:EnableKey", allowed=False, explicitly_denied=True),
    ]
    fine, denied, open_ = _advice(results, "arn:aws:iam::1:role/x", Place())
    assert [d.health for d in (fine, denied, open_)] == [
        *(Health.OK, Health.WARNING, Health.UNKNOWN)
    ]
    assert "kms:EnableKey" in denied.what
    assert "may kms:DisableKey" in open_.what
    assert "depends on aws:SourceVpc" in open_.why


@pytest.mark.ministack
def test_a_store_that_has_no_sts_is_not_asked_who_asks(store: Store) -> None:
    found = said(store.doctor(store.use(access=access(store.url, sts_endpoint=None))))
    (line,) = of(Area.ACCESS, found, *Health)
    assert line == "ok: profile tested; no STS to ask who that is () → "
    assert any(d.area is Area.BUCKETS and d.health is Health.OK for d in found)


@pytest.mark.ministack
def test_what_may_not_be_simulated_is_unknown_with_the_action_to_grant(
    kms: Kms, ministack_server: Ministack, faulty_proxy: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", endpoint.url)
    who = Identity("1", "arn:aws:sts::1:assumed-role/applier/rotator", None)
    xml = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    with proxy.failing(Answer(403, xml, {"Content-Type": "text/xml"})):
        (line,) = simulated(Way(AwsClients(), access(kms.url)), kms.use(), who, None)
    assert line.health is Health.UNKNOWN
    assert all(action in line.what for action in NO_DRY_RUN)
    assert "grant iam:SimulatePrincipalPolicy on arn:aws:iam::1:role/applier" in line.what_to_do


@pytest.mark.ministack
def test_the_regions_of_an_issuer_must_be_in_one_account(
    kms: Kms, ministack_server: Ministack, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    kms.urls[EU] = endpoint.url
    body = (
        b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::2:user/x</Arn>"
        b"<UserId>x</UserId><Account>222222222222</Account></GetCallerIdentityResult>"
        b"</GetCallerIdentityResponse>"
    )
    with proxy.failing(Answer(200, body, {"Content-Type": "text/xml"}), asks("POST", "/")):
        found = kms.said(area=Area.ACCESS, healths=(Health.ERROR,))
    (line,) = found
    assert line.startswith(
        "error: its regions are in different AWS accounts (us-east-1 000000000000, eu-central-1 222222222222;"
    )


# ----------------------------------------------------------------------------------------------- CloudFront

DAY_S = 86_400
TTLS: list[tuple[str, Mapping[str, int], list[Health]]] = [
    ("as it should be", {"MinTTL": 0, "DefaultTTL": 300, "MaxTTL": DAY_S}, [Health.OK]),
    ("a minimum", {"MinTTL": 1, "DefaultTTL": 300, "MaxTTL": DAY_S}, [Health.WARNING]),
    ("the lead itself", {"MinTTL": DAY_S, "DefaultTTL": DAY_S}, [Health.WARNING]),
    ("above the lead", {"MinTTL": DAY_S + 1, "DefaultTTL": 2 * DAY_S}, [Health.ERROR]),
    ("a long default", {"MinTTL": 0, "DefaultTTL": 2 * DAY_S}, [Health.OK, Health.WARNING]),
    ("nothing given", {}, [Health.OK]),
]


@pytest.mark.parametrize(("members", "healths"), [r[1:] for r in TTLS], ids=[r[0] for r in TTLS])
def test_how_long_cloudfront_may_keep_a_jwks(
    members: Mapping[str, int], healths: list[Health]
) -> None:
    lead, place = timedelta(days=1), Place("accounts", US)
    for ttls in (
        policy_ttls({"Id": "p", "CachePolicyConfig": {"Name": "jwks", **members}}),
        legacy_ttls(members),
    ):
        assert [d.health for d in judge_ttls(ttls, lead, "distribution E1", place)] == healths


@pytest.mark.parametrize(
    ("path", "behaviour"),
    [
        ("/accounts/jwks.json", "keys"),
        ("accounts/jwks.json", "keys"),
        ("/accounts/jwksXjson", "rest"),
        ("/img/1.png", "images"),
        ("/img/10.png", "rest"),
    ],
)
def test_which_behaviour_a_path_meets(path: str, behaviour: str) -> None:
    listed = [
        {"PathPattern": "*/jwks.json", "TargetOriginId": "keys"},
        {"PathPattern": "/img/?.png", "TargetOriginId": "images"},
    ]
    config = {
        "CacheBehaviors": {"Quantity": 2, "Items": listed},
        "DefaultCacheBehavior": {"TargetOriginId": "rest"},
    }
    assert behaviour_for(config, path)["TargetOriginId"] == behaviour
    assert (
        behaviour_for({**config, "CacheBehaviors": {"Quantity": 0}}, path)["TargetOriginId"]
        == "rest"
    )


DISTRIBUTION = b"""<DistributionConfig><DefaultCacheBehavior><CachePolicyId>p1</CachePolicyId>
</DefaultCacheBehavior></DistributionConfig>"""
CACHE_POLICY = b"""<CachePolicy><Id>p1</Id><CachePolicyConfig><Name>slow</Name><MinTTL>90000</MinTTL>
</CachePolicyConfig></CachePolicy>"""


def test_a_distribution_is_asked_for_its_cache_policy(
    web: WebServer, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles({"tested": ANYBODY})
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", web.url().rstrip("/"))
    base = "/2020-05-31"
    answers = {
        f"{base}/distribution/E1/config": DISTRIBUTION,
        f"{base}/cache-policy/p1": CACHE_POLICY,
    }
    for path, xml in answers.items():
        web.script(path, Reply(body=xml, headers={"Content-Type": "text/xml"}))
    reached = AwsAccess(region=US, profile="tested", endpoint="http://127.0.0.1:9")
    use = EdgeUse("accounts", US, reached, "E1", "/accounts/jwks.json", timedelta(days=1))
    doctor = AwsDoctor(AwsClients(), CLOCK, timedelta(seconds=5), edges=(use,))
    (line,) = of(Area.EDGES, said(doctor))
    assert line.startswith(
        "error: CloudFront distribution E1: MinTTL 25 h (cache policy slow) (longer than publish_lead"
    )
    (unknown,) = of(Area.EDGES, said(replace(doctor, edges=(replace(use, distribution="E2"),))))
    assert unknown.startswith("error: cannot look at CloudFront distribution E2")
