"""What S3's refusals mean (Amazon S3 API Reference, "Error responses")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from rotator.aws.failures import Attempt, Refusal, printable
from rotator.errors import RotatorError

_VERBS: Final[Mapping[str, str]] = {
    "s3:GetObject": "read",
    "s3:PutObject": "write",
    "s3:DeleteObject": "delete",
    "s3:ListBucket": "list",
    "s3:ListBucketVersions": "list the versions of",
}
_CHANGING: Final = {"s3:PutObject", "s3:DeleteObject"}
_OF_THE_BUCKET: Final = {"s3:ListBucket", "s3:ListBucketVersions"}
_NO_BUCKET: Final = (
    "create the bucket in this region, or correct its name and region in the configuration"
)
_ELSEWHERE: Final = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "Redirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
    "302",
    "307",
    "308",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Attempt(Attempt):
    """One call on an object, or on a bucket's objects that begin with `key`."""

    service: ClassVar[str] = "s3"
    speaks: ClassVar[str] = "S3"
    bucket: str
    key: str

    @property
    def what(self) -> str:
        """What could not be done to which object, and where."""
        verb = _VERBS.get(self.action, "use")
        return f"cannot {verb} s3://{self.bucket}/{self.key} in {self.access.where}"

    def refused(self, refusal: Refusal) -> RotatorError:
        """Conditions that failed, buckets that are elsewhere or nowhere, permissions."""
        said = refusal.said
        if refusal.code in _ELSEWHERE:
            return self._elsewhere(refusal)
        match refusal.status, refusal.code:
            # S3 answers 404 to an If-Match on an object that is gone.
            case (409 | 412, _) | (404, "NoSuchKey") if self.changes:
                return self._conflict(said)
            case 501, _ if self.changes:
                why = f"conditional writes are not known there ({said})"
                return self.family.unsafe(self.what, detail=self.because(why))
            case _, "NoSuchBucket" | "InvalidBucketName":
                return self.missing(f"there is no bucket {self.bucket} ({said})", _NO_BUCKET)
            case (401 | 403, _) | (_, "AccessDenied" | "AllAccessDisabled"):
                return self._forbidden(said)
            case 404, _:
                return self.missing(f"an answer that is not S3's ({said})", self.not_there())
            case _:
                return self.failed(f"the region answered {refusal.status} {said}")

    def _conflict(self, said: str) -> RotatorError:
        return self.family.conflict(
            f"s3://{self.bucket}/{self.key} is no longer the object that was read",
            detail=self.because(f"{self.access.where} answered {said}"),
        )

    def _forbidden(self, said: str) -> RotatorError:
        reading = self.action == "s3:GetObject"
        missing = "; without s3:ListBucket a missing object is answered like this too"
        listing = f" and s3:ListBucket on arn:aws:s3:::{self.bucket}"
        on = "" if self.action in _OF_THE_BUCKET else f"/{self.key}"
        return self.denied(
            f"{self.access.who} may not ({said})" + missing * reading,
            f"grant {self.action} on arn:aws:s3:::{self.bucket}{on}" + listing * reading,
        )

    def _elsewhere(self, refusal: Refusal) -> RotatorError:
        headers = refusal.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region") or refusal.response["Error"].get("Region")
        where = f"region {printable(str(region))}" if region else "another region"
        return self.missing(
            f"bucket {self.bucket} is in {where}, not in {self.access.region} ({refusal.said})",
            "correct aws.region of this region in the configuration, or the bucket's name",
        )


def changes(action: str) -> bool:
    """Whether an S3 action changes something, so that a lost answer leaves open what happened."""
    return action in _CHANGING
