"""Questions to AWS: one call each, and what becomes of one that is refused.

A question that may not be asked is UNKNOWN with the action to grant, unless rotator itself needs that action: then the
refusal would stop it, and is an error.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.failures import Attempt, Refusal, explained, printable
from rotator.aws.families import TARGET
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, of_error
from rotator.errors import RotatorError, TargetDenied, TargetError, TargetUnreachable

_DENIED: Final = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled"}
_NOT_KNOWN: Final = {
    "NotImplemented",
    "MethodNotAllowed",
    "InvalidAction",
    "UnknownOperationException",
}


class Forbidden(TargetDenied):
    """AWS knows who asks, and that identity may not ask this."""

    runbook = "runbooks/access-denied.md"


class NotKnownThere(TargetError):
    """The other side does not have this question: an S3 store that is not AWS's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Attempt):
    """One question about `subject`; `resource` is what its action would be granted on."""

    service: ClassVar[str] = "aws"
    speaks: ClassVar[str] = "AWS"
    subject: str
    resource: str

    @property
    def what(self) -> str:
        """What could not be learned, and where."""
        return f"cannot look at {self.subject} in {self.access.where}"

    def refused(self, refusal: Refusal) -> RotatorError:
        """Buckets that are elsewhere, permissions, questions that are not known there, and all the rest."""
        headers = refusal.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        home = headers.get("x-amz-bucket-region")
        if home and self.access.region and home != self.access.region:
            why = f"it is in region {printable(home)}, not in {self.access.region} ({refusal.said})"
            return self.missing(
                why, "correct aws.region in the configuration, or the bucket's name"
            )
        if refusal.code in _DENIED or refusal.status in (401, 403):
            why = self.because(f"{self.access.who} may not ({refusal.said})")
            grant = f"grant {self.action} on {self.resource} to {self.access.who}"
            return Forbidden(self.what, detail=why, hint=grant)
        if refusal.code in _NOT_KNOWN or refusal.status in (405, 501):
            why = self.because(f"not known there ({refusal.said})")
            return NotKnownThere(self.what, detail=why, hint="see to it by the means of that store")
        why = f"{self.access.where} answered {refusal.status} {refusal.said}"
        return self.failed(why, f"look up what that means for {self.action} in AWS's API reference")

    def not_there(self) -> str:
        """What to look at when something else answers."""
        where = self.access.endpoint_of(self.action.partition(":")[0]) or "the endpoint"
        return f"see what answers at {where}: it does not speak AWS"


@dataclass(frozen=True, slots=True)
class Question:
    """A call of a client: `operation` as botocore names it, `action` as IAM does.

    A refusal with a code in `absent` is an answer too: there is none.
    """

    service: str
    operation: str
    action: str
    subject: str
    resource: str = "*"
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """One way into AWS, for asking."""

    clients: AwsClients
    access: AwsAccess

    def ask(self, question: Question, **parameters: Any) -> Any:
        """The answer's members, None where the code says that there is none. Raises what `Asking` explains."""
        from botocore.exceptions import ClientError

        with explained(self._asking(question)):
            client = self.clients.reading(question.service, self.access)
            try:
                return getattr(client, question.operation)(**parameters)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in question.absent:
                    return None
                raise

    def endpoint(self, service: str) -> str:
        """Where requests really go: an endpoint may also come from the environment."""
        with explained(
            self._asking(Question(service, "", f"{service}:*", f"the {service} endpoint"))
        ):
            return str(self.clients.reading(service, self.access).meta.endpoint_url)

    def _asking(self, question: Question) -> Asking:
        return Asking(
            action=question.action,
            access=self.access,
            family=TARGET,
            changes=False,
            subject=question.subject,
            resource=question.resource,
        )


def with_refusals(
    area: Area, place: Place, found: Iterable[Diagnosis], *, needed: bool
) -> Iterator[Diagnosis]:
    """The findings, and one more where a question was refused; `needed`: rotator itself depends on that action."""
    try:
        yield from found
    except NotKnownThere as error:
        yield of_error(area, place, error, Health.UNKNOWN)
    except (Forbidden, TargetUnreachable) as error:
        yield of_error(area, place, error, Health.ERROR if needed else Health.UNKNOWN)
    except RotatorError as error:
        yield of_error(area, place, error)
