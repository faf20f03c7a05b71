"""Buckets: where they are, who may read them, whether old versions stay, and how a missing object reads."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from rotator.adapters.aws_doctor.asking import Question, Way, with_refusals
from rotator.adapters.aws_doctor.uses import BucketUse, Purpose
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, gravest

_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")
_NOT_THERE: Final = ".rotator-doctor-asks-for-a-missing-object"
_NO_SUCH_ETAG: Final = '"00000000000000000000000000000000"'
_BLOCKS: Final = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)


class Bucket:
    """One bucket, asked for one purpose."""

    def __init__(self, way: Way, use: BucketUse) -> None:
        self._way, self._use = way, use
        self.place = Place(region=use.region)
        self.name = f"bucket {use.bucket} ({use.purpose})"
        self._arn = f"arn:aws:s3:::{use.bucket}"

    def look(self) -> Iterator[Diagnosis]:
        """Everything about the bucket; nothing more where it is not there or may not be looked at."""
        home = list(self._with_refusals(self.home, needed=True))
        yield from home
        if gravest(home) is not Health.OK:
            return
        for look in (self.missing_object, self.may_write):
            yield from self._with_refusals(look, needed=True)
        for look in (self.versions, self.privacy, self.blocks, self.owners):
            yield from self._with_refusals(look, needed=False)

    def home(self) -> Iterator[Diagnosis]:
        """That it exists, in the region that the configuration says."""
        question = self._question("head_bucket", "s3:ListBucket", absent=("404", "NoSuchBucket"))
        answer = self._way.ask(question, Bucket=self._use.bucket)
        region, ours = (answer or {}).get("BucketRegion"), self._way.access.region
        if answer is None:
            what = f"there is no {self.name} in {self._way.access.where}"
            why = "nothing can be read or written there"
            yield self._bad(what, why, "create it there, or correct its name in the configuration")
        elif region and ours and region != ours:
            why = f"the configuration says {ours}"
            mend = f"correct aws.region of this region in the configuration: {region}"
            yield self._bad(f"{self.name} is in {region}", why, mend)
        else:
            yield self._fine(f"{self.name} is in {region or self._way.access.where}")

    def missing_object(self) -> Iterator[Diagnosis]:
        """That an object which is not there reads as missing; without s3:ListBucket S3 says 403 instead."""
        question = self._question("head_object", "s3:ListBucket", absent=("404", "NoSuchKey"))
        self._way.ask(question, Bucket=self._use.bucket, Key=self._use.key + _NOT_THERE)
        yield self._fine(f"{self.name}: a missing object reads as missing")

    def may_write(self) -> Iterator[Diagnosis]:
        """That an object may be written, by a write whose condition cannot hold.

        Only at AWS's own endpoints, whose conditions are documented: elsewhere it could take effect.
        """
        host = urlsplit(self._way.endpoint("s3")).hostname or ""
        if not host.endswith(_AWS):
            return
        absent = ("PreconditionFailed", "NoSuchKey", "404", "412", "ConditionalRequestConflict")
        resource = f"{self._arn}/{self._use.key}"
        question = self._question("put_object", "s3:PutObject", absent=absent, resource=resource)
        self._way.ask(
            question, Bucket=self._use.bucket, Key=self._use.key, Body=b"", IfMatch=_NO_SUCH_ETAG
        )
        yield self._fine(f"{self.name} may be written")

    def versions(self) -> Iterator[Diagnosis]:
        """Whether an object that is overwritten or deleted can be had back."""
        question = self._question("get_bucket_versioning", "s3:GetBucketVersioning")
        status = self._way.ask(question, Bucket=self._use.bucket).get("Status")
        if status == "Enabled":
            yield self._fine(f"{self.name} keeps versions")
        else:
            yield self._warn(
                f"{self.name} keeps no versions",
                "what is overwritten or deleted by mistake is lost",
                f"aws s3api put-bucket-versioning --bucket {self._use.bucket}"
                " --versioning-configuration Status=Enabled",
            )
        if self._use.wrapped and status:
            yield from self._expiry()

    def privacy(self) -> Iterator[Diagnosis]:
        """Whether the public may read it; signing targets and state are nobody else's business."""
        question = self._question(
            "get_bucket_policy_status", "s3:GetBucketPolicyStatus", absent=("NoSuchBucketPolicy",)
        )
        answer = self._way.ask(question, Bucket=self._use.bucket)
        public = False if answer is None else answer.get("PolicyStatus", {}).get("IsPublic")
        if public is None:
            what = f"nobody says whether {self.name} is public"
            mend = "see to it by the means of that store"
            why = "the store does not know the question"
            yield Diagnosis(Area.BUCKETS, self.place, Health.UNKNOWN, what, why, mend)
            return
        if self._use.purpose is Purpose.JWKS:
            yield self._fine(f"{self.name} is {'public' if public else 'not public'} by its policy")
        elif public:
            yield self._bad(
                f"{self.name} is public by its bucket policy",
                "anybody may read which keys sign, or the state",
                "take the public statement out of the bucket policy, and block public access: "
                + self._block_command(),
            )
        else:
            yield self._fine(f"{self.name} is not public by its policy")

    def blocks(self) -> Iterator[Diagnosis]:
        """Whether a later mistake could make a private bucket public."""
        if self._use.purpose is Purpose.JWKS:
            return
        absent = ("NoSuchPublicAccessBlockConfiguration",)
        action = "s3:GetBucketPublicAccessBlock"
        question = self._question("get_public_access_block", action, absent=absent)
        answer = self._way.ask(question, Bucket=self._use.bucket) or {}
        blocked = answer.get("PublicAccessBlockConfiguration", {})
        if open_ := [name for name in _BLOCKS if not blocked.get(name)]:
            why = f"not set: {', '.join(open_)}; a policy or an ACL could make it public"
            yield self._warn(
                f"{self.name} does not block public access", why, self._block_command()
            )
        else:
            yield self._fine(f"{self.name} blocks public access")

    def owners(self) -> Iterator[Diagnosis]:
        """Whether ACLs count, by which a writer could give an object away."""
        absent = ("OwnershipControlsNotFoundError",)
        action = "s3:GetBucketOwnershipControls"
        question = self._question("get_bucket_ownership_controls", action, absent=absent)
        answer = self._way.ask(question, Bucket=self._use.bucket) or {}
        rules = answer.get("OwnershipControls", {}).get("Rules", [])
        if any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules):
            yield self._fine(f"{self.name} ignores ACLs")
        else:
            yield self._warn(
                f"{self.name} still obeys ACLs",
                "an object's ACL may say otherwise than the bucket's policy",
                f"aws s3api put-bucket-ownership-controls --bucket {self._use.bucket}"
                " --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'",
            )

    def _expiry(self) -> Iterator[Diagnosis]:
        absent = ("NoSuchLifecycleConfiguration",)
        action = "s3:GetLifecycleConfiguration"
        question = self._question("get_bucket_lifecycle_configuration", action, absent=absent)
        answer = self._way.ask(question, Bucket=self._use.bucket) or {}
        days = noncurrent_days(answer.get("Rules", []), self._use.key)
        if days is not None:
            yield self._fine(f"{self.name}: old versions expire after {days} days")
            return
        yield self._bad(
            f"{self.name}: old versions of {self._use.key} never expire",
            "an old version still decrypts to a private key, so no key counts as destroyed",
            "add a lifecycle rule with NoncurrentVersionExpiration for that prefix to the bucket",
        )

    def _with_refusals(
        self, look: Callable[[], Iterator[Diagnosis]], *, needed: bool
    ) -> Iterator[Diagnosis]:
        return with_refusals(Area.BUCKETS, self.place, look(), needed=needed)

    def _block_command(self) -> str:
        settings = ",".join(f"{name}=true" for name in _BLOCKS)
        return (
            f"aws s3api put-public-access-block --bucket {self._use.bucket}"
            f" --public-access-block-configuration {settings}"
        )

    def _question(
        self, operation: str, action: str, *, absent: tuple[str, ...] = (), resource: str = ""
    ) -> Question:
        return Question("s3", operation, action, self.name, resource or self._arn, absent)

    def _fine(self, what: str) -> Diagnosis:
        return Diagnosis(Area.BUCKETS, self.place, Health.OK, what)

    def _warn(self, what: str, why: str, what_to_do: str) -> Diagnosis:
        return Diagnosis(Area.BUCKETS, self.place, Health.WARNING, what, why, what_to_do)

    def _bad(self, what: str, why: str, what_to_do: str) -> Diagnosis:
        return Diagnosis(Area.BUCKETS, self.place, Health.ERROR, what, why, what_to_do)


def noncurrent_days(rules: list[Mapping[str, Any]], key: str) -> int | None:
    """After how many days every noncurrent version of `key` expires by these lifecycle rules, None for never.

    A rule that keeps some of the newest versions, or picks objects by tag or size, does not promise it.
    """
    days = [
        expiry["NoncurrentDays"]
        for rule in rules
        if rule.get("Status") == "Enabled"
        and (expiry := rule.get("NoncurrentVersionExpiration", {})).get("NoncurrentDays")
        and not expiry.get("NewerNoncurrentVersions")
        and (prefix := _prefix(rule)) is not None
        and key.startswith(prefix)
    ]
    return min(days, default=None)


def _prefix(rule: Mapping[str, Any]) -> str | None:
    """The prefix that a rule is for, None where it picks by more than that."""
    chosen = rule.get("Filter", {})
    if "And" in chosen:
        chosen = chosen["And"]
    if set(chosen) - {"Prefix"}:
        return None
    return str(chosen.get("Prefix", rule.get("Prefix", "")))
