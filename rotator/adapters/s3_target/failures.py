"""What went wrong between rotator and S3, in three sentences: what, why, what to do about it.

Error codes: Amazon S3 API Reference, "Error responses"; AWS STS, "Common errors". Words that came from the server are
cut short and made printable.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rotator.adapters.s3_target.access import AwsAccess
from rotator.errors import (
    TargetConflict,
    TargetDenied,
    TargetError,
    TargetMissing,
    TargetUnreachable,
    TargetUnsafe,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_LOG_IN: Final = (
    "get fresh credentials for {who} (with SSO: aws sso login), then run the command again"
)
_KEYS: Final = "correct the access key of {who} in the environment or the shared credentials file"
_CLOCK: Final = "set this machine's clock (NTP): AWS accepts a difference of 15 minutes at most"

_CREDENTIAL_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "ExpiredToken": ("the credentials have expired", _LOG_IN),
    "ExpiredTokenException": ("the credentials have expired", _LOG_IN),
    "TokenRefreshRequired": ("the credentials have expired", _LOG_IN),
    "RequestExpired": ("the credentials have expired, or the clock is wrong", _LOG_IN),
    "InvalidToken": ("the session token is not a valid one", _LOG_IN),
    "InvalidAccessKeyId": ("the access key is unknown there", _KEYS),
    "InvalidClientTokenId": ("the access key is unknown there", _KEYS),
    "UnrecognizedClientException": ("the access key is unknown there", _KEYS),
    "SignatureDoesNotMatch": ("the secret key does not belong to the access key", _KEYS),
    "RequestTimeTooSkewed": (
        "the clocks of this machine and of the region differ too much",
        _CLOCK,
    ),
}
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
_THROTTLED: Final = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequests",
    "RequestTimeout",
}
_CREDENTIAL_ERRORS: Final[Mapping[str, str]] = {
    "NoCredentialsError": "set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give the region a profile in the configuration",
    "PartialCredentialsError": _KEYS,
    "CredentialRetrievalError": "see why the credential process of {who} fails",
    "MetadataRetrievalError": "see why the instance's or container's credentials cannot be had",
    "ProfileNotFound": "correct the profile in the configuration, or add it: aws configure --profile NAME",
    "ConfigNotFound": "correct AWS_CONFIG_FILE",
    "ConfigParseError": "mend the shared AWS configuration file",
    "InfiniteLoopConfigError": "mend source_profile in the shared AWS configuration file",
    "RefreshWithMFAUnsupportedError": "use a role that needs no MFA, or log in first and use that session's profile",
    "UnauthorizedSSOTokenError": "log in: aws sso login",
    "SSOTokenLoadError": "log in: aws sso login",
    "TokenRetrievalError": "log in: aws sso login",
    "NoAuthTokenError": "log in: aws sso login",
    "LoginError": "log in: aws login",
}
_UNADDRESSABLE: Final = {
    "NoRegionError",
    "InvalidRegionError",
    "ParamValidationError",
    "EndpointProviderError",
    "InvalidDNSNameError",
    "UnsupportedS3ArnError",
    "UnknownEndpointError",
    "ValueError",
}
_NEVER_SENT: Final = {
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "ProxyConnectionError",
    "SSLError",
}
_PASSING: Final = {429, *range(500, 600)} - {501}
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is being tried: `action` as IAM names it, on which object, and with which access."""

    action: str
    bucket: str
    key: str
    access: AwsAccess

    @property
    def writes(self) -> bool:
        """Whether an answer that got lost leaves open what happened."""
        return self.action != "s3:GetObject"

    @property
    def what(self) -> str:
        """The first sentence of every error."""
        return f"cannot {'write' if self.writes else 'read'} s3://{self.bucket}/{self.key}"

    def unreachable(self, why: str, *, hint: str = "", sent: bool = True) -> TargetUnreachable:
        """No usable answer; says so when the effect is unknown."""
        unknown = "; whether the write took effect is unknown" if self.writes and sent else ""
        return TargetUnreachable(self.what, detail=why + unknown, hint=hint)


@contextlib.contextmanager
def explained(attempt: Attempt) -> Iterator[None]:
    """Turn whatever the AWS libraries raise inside into an error of rotator's."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _answered(attempt, error) from error
    except ResponseParserError as error:
        raise attempt.unreachable("the answer is not S3's XML", hint=_not_s3(attempt)) from error
    except (BotoCoreError, HTTPError, OSError, ValueError) as error:
        raise _unanswered(attempt, error) from error


def _answered(attempt: Attempt, error: "ClientError") -> TargetError:
    response: Mapping[str, Any] = error.response
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{_printable(code)}: {_printable(str(response.get('Error', {}).get('Message', '')))}"
    if status in _PASSING or code in _THROTTLED:
        return attempt.unreachable(f"the region answered {status} {said}")
    if code in _CREDENTIAL_CODES:
        why, hint = _CREDENTIAL_CODES[code]
        return TargetDenied(attempt.what, detail=f"{why} ({said})", hint=_filled(hint, attempt))
    if error.operation_name == "AssumeRole":
        return _role_refused(attempt, said)
    if code in _ELSEWHERE:
        return _elsewhere(attempt, response, said)
    return _refused(attempt, code, status, said)


def _refused(attempt: Attempt, code: str, status: int, said: str) -> TargetError:
    match status, code:
        # S3 answers 404 to an If-Match on an object that is gone.
        case (409 | 412, _) | (404, "NoSuchKey") if attempt.writes:
            return TargetConflict(
                f"s3://{attempt.bucket}/{attempt.key} is no longer the object that was read",
                detail=f"the region answered {said}",
            )
        case 501, _ if attempt.writes:
            return TargetUnsafe(
                attempt.what, detail=f"conditional writes are not known there ({said})"
            )
        case _, "NoSuchBucket" | "InvalidBucketName":
            return TargetMissing(
                attempt.what, detail=f"there is no bucket {attempt.bucket} ({said})"
            )
        case (401 | 403, _) | (_, "AccessDenied" | "AllAccessDisabled"):
            return _denied(attempt, said)
        case 404, _:
            return TargetMissing(
                attempt.what, detail=f"an answer that is not S3's ({said})", hint=_not_s3(attempt)
            )
        case _:
            return TargetError(attempt.what, detail=f"the region answered {status} {said}")


def _denied(attempt: Attempt, said: str) -> TargetDenied:
    missing = (
        ""
        if attempt.writes
        else "; without s3:ListBucket a missing object is answered like this too"
    )
    return TargetDenied(
        attempt.what,
        detail=f"{attempt.access.who} may not ({said}){missing}",
        hint=f"grant {attempt.action} on arn:aws:s3:::{attempt.bucket}/{attempt.key}"
        + ("" if attempt.writes else f" and s3:ListBucket on arn:aws:s3:::{attempt.bucket}"),
    )


def _role_refused(attempt: Attempt, said: str) -> TargetDenied:
    return TargetDenied(
        attempt.what,
        detail=f"role {attempt.access.role_arn} cannot be assumed ({said})",
        hint="correct role_arn and external_id, or let the role's trust policy name this identity",
    )


def _elsewhere(attempt: Attempt, response: Mapping[str, Any], said: str) -> TargetMissing:
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or response.get("Error", {}).get("Region")
    where = f"region {_printable(str(region))}" if region else "another region"
    return TargetMissing(
        attempt.what,
        detail=f"bucket {attempt.bucket} is in {where}, not in {attempt.access.region} ({said})",
        hint="correct aws.region of this region in the configuration, or the bucket's name",
    )


def _unanswered(attempt: Attempt, error: Exception) -> TargetError:
    names = {cls.__name__ for cls in type(error).__mro__}
    why = _printable(str(error))
    for name in _CREDENTIAL_ERRORS.keys() & names:
        return TargetDenied(
            attempt.what, detail=why, hint=_filled(_CREDENTIAL_ERRORS[name], attempt)
        )
    if names & _UNADDRESSABLE:
        return TargetMissing(attempt.what, detail=why)
    hint = "set AWS_CA_BUNDLE to your certificate authority" if "SSLError" in names else ""
    return attempt.unreachable(why, hint=hint, sent=not names & _NEVER_SENT)


def _filled(hint: str, attempt: Attempt) -> str:
    return hint.format(who=attempt.access.who)


def _not_s3(attempt: Attempt) -> str:
    return f"see what answers at {attempt.access.endpoint or 'the endpoint'}: it does not speak S3"


def _printable(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text[:_SHOWN])
    return shown + ("…" if len(text) > _SHOWN else "")
