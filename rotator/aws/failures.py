"""What went wrong between rotator and AWS, in three sentences: what, why, what to do about it.

Here is what all services have in common: no answer, credentials, roles. What a service's own refusals mean is said by
its `Attempt` (`s3.py`, `kms.py`). Codes: AWS STS, "Common errors"; AWS General Reference, "Signature Version 4
troubleshooting". Words that came from a server are cut short and made printable.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rotator.aws.access import AwsAccess
from rotator.aws.families import Family
from rotator.errors import RotatorError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_LOG_IN: Final = (
    "get fresh credentials for {who} (with SSO: aws sso login), then run the command again"
)
_KEYS: Final = "correct the access key of {who} in the environment or the shared credentials file"
_CLOCK: Final = "set this machine's clock (NTP): AWS accepts a difference of 15 minutes at most"
_SKEWED: Final = ("the clocks of this machine and of the region differ too much", _CLOCK)
_WRONG_SECRET: Final = ("the secret key does not belong to the access key", _KEYS)
_NO_TRUST: Final = (
    "correct role_arn and external_id, or let the role's trust policy name this identity"
)

_CREDENTIAL_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "ExpiredToken": ("the credentials have expired", _LOG_IN),
    "ExpiredTokenException": ("the credentials have expired", _LOG_IN),
    "TokenRefreshRequired": ("the credentials have expired", _LOG_IN),
    "RequestExpired": ("the credentials have expired, or the clock is wrong", _LOG_IN),
    "InvalidToken": ("the session token is not a valid one", _LOG_IN),
    "InvalidAccessKeyId": ("the access key is unknown there", _KEYS),
    "InvalidClientTokenId": ("the access key is unknown there", _KEYS),
    "UnrecognizedClientException": (
        "the access key is unknown there",
        _KEYS + ", or enable the region for the account",
    ),
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "InvalidSignatureException": _WRONG_SECRET,
    "RequestTimeTooSkewed": _SKEWED,
}
_OUT_OF_TIME: Final = ("Signature expired", "Signature not yet current")
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
_CERTIFICATES: Final = {"SSLError", "FileNotFoundError"}
_NEVER_SENT: Final = {
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "ProxyConnectionError",
    *_CERTIFICATES,
}
_PASSING: Final = {429, *range(500, 600)} - {501}
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """A complete answer that says no. `said` is code and message as people may see them."""

    status: int
    code: str
    message: str
    said: str
    response: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(ABC):
    """One call: `action` as IAM names it, with which access, and the errors that its caller promises.

    `changes`: an answer that gets lost leaves open what happened.
    """

    service: ClassVar[str]
    speaks: ClassVar[str]
    action: str
    access: AwsAccess
    family: Family
    changes: bool

    @property
    @abstractmethod
    def what(self) -> str:
        """The first sentence of every error; names the region."""

    @abstractmethod
    def refused(self, refusal: Refusal) -> RotatorError:
        """The error for a refusal that has nothing to do with credentials, roles or load."""

    def unreachable(self, why: str, *, hint: str = "", sent: bool = True) -> RotatorError:
        """No usable answer; says so when the effect is unknown."""
        open_end = self.changes and sent
        unknown = "; whether it took effect is unknown" if open_end else ""
        error = self.family.unsure if open_end else self.family.unreachable
        return error(self.what, detail=self.because(why) + unknown, hint=hint)

    def denied(self, why: str, hint: str) -> RotatorError:
        """Refused for who asks."""
        hint = hint.format(who=self.access.who)
        return self.family.denied(self.what, detail=self.because(why), hint=hint)

    def missing(self, why: str, hint: str = "") -> RotatorError:
        """Refused for what is asked for: it is not there, or elsewhere."""
        return self.family.missing(self.what, detail=self.because(why), hint=hint)

    def failed(self, why: str, hint: str = "") -> RotatorError:
        """Refused for any other reason."""
        return self.family.failed(self.what, detail=self.because(why), hint=hint)

    def because(self, why: str) -> str:
        """The reason, with the action that met it."""
        return f"{self.action}: {why}"

    def not_there(self) -> str:
        """What to look at when something else answers."""
        where = self.access.endpoint_of(self.service) or "the endpoint"
        return f"see what answers at {where}: it does not speak {self.speaks}"


@contextlib.contextmanager
def explained(attempt: Attempt) -> Iterator[None]:
    """Turn whatever the AWS libraries raise inside into an error of the attempt's family.

    A member that the answer lacks (KeyError) is an answer that is not the service's.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _answered(attempt, error) from error
    except (ResponseParserError, KeyError) as error:
        nonsense = f"the answer is not {attempt.speaks}'s"
        raise attempt.unreachable(nonsense, hint=attempt.not_there()) from error
    except (BotoCoreError, HTTPError, OSError, ValueError) as error:
        raise _unanswered(attempt, error) from error


def _answered(attempt: Attempt, error: "ClientError") -> RotatorError:
    refusal = _refusal(error)
    code = refusal.code
    if refusal.status in _PASSING:
        return attempt.unreachable(f"the region answered {refusal.status} {refusal.said}")
    if code in _THROTTLED:
        return attempt.unreachable(f"too many requests ({refusal.said})", sent=False)
    if code in _CREDENTIAL_CODES:
        skewed = refusal.message.startswith(_OUT_OF_TIME)
        why, hint = _SKEWED if skewed else _CREDENTIAL_CODES[code]
        return attempt.denied(f"{why} ({refusal.said})", hint)
    if error.operation_name == "AssumeRole":
        role = attempt.access.role_arn
        return attempt.denied(f"role {role} cannot be assumed ({refusal.said})", _NO_TRUST)
    return attempt.refused(refusal)


def _refusal(error: "ClientError") -> Refusal:
    response: Mapping[str, Any] = error.response
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    return Refusal(status, code, message, f"{printable(code)}: {printable(message)}", response)


def _unanswered(attempt: Attempt, error: Exception) -> RotatorError:
    names = {cls.__name__ for cls in type(error).__mro__}
    why = printable(str(error))
    for name in _CREDENTIAL_ERRORS.keys() & names:
        return attempt.denied(why, _CREDENTIAL_ERRORS[name])
    if names & _UNADDRESSABLE:
        return attempt.missing(why)
    hint = "set AWS_CA_BUNDLE to your certificate authority" if names & _CERTIFICATES else ""
    return attempt.unreachable(why, hint=hint, sent=not names & _NEVER_SENT)


def printable(text: str) -> str:
    """What a server said, short and without control characters."""
    shown = "".join(c if c.isprintable() else " " for c in text[:_SHOWN])
    return shown + ("…" if len(text) > _SHOWN else "")
