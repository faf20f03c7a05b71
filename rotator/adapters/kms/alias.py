"""The KMS alias by which a region's signers reach the active key. It becomes consistent late: read it back."""

from dataclasses import dataclass

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.failures import explained
from rotator.aws.families import TARGET
from rotator.aws.kms import KmsAttempt, changes


@dataclass(frozen=True, slots=True)
class KmsAlias:
    """Implements `ports.AliasTarget`; `name` begins with `alias/`."""

    clients: AwsClients
    access: AwsAccess
    name: str

    @property
    def location(self) -> str:
        """`alias/rotator/accounts in eu-central-1`."""
        return f"{self.name} in {self.access.where}"

    def read(self) -> str | None:
        """The ARN of the key it points at (DescribeKey), None when there is no such alias."""
        with explained(self._attempt("kms:DescribeKey")):
            client = self.clients.kms_for_reading(self.access)
            try:
                return client.describe_key(KeyId=self.name)["KeyMetadata"]["Arn"]
            except client.exceptions.NotFoundException:
                return None

    def point(self, arn: str) -> None:
        """Move it, or make it; each is sent once. Raises TargetUnreachable when the effect is unknown."""
        if self._moved(arn):
            return
        with explained(self._attempt("kms:CreateAlias")):
            self.clients.kms_for_writing(self.access).create_alias(
                AliasName=self.name, TargetKeyId=arn
            )

    def _moved(self, arn: str) -> bool:
        """Whether it was there to be moved."""
        with explained(self._attempt("kms:UpdateAlias")):
            client = self.clients.kms_for_writing(self.access)
            try:
                client.update_alias(AliasName=self.name, TargetKeyId=arn)
            except client.exceptions.NotFoundException:
                return False
            return True

    def _attempt(self, action: str) -> KmsAttempt:
        return KmsAttempt(
            action=action,
            access=self.access,
            family=TARGET,
            changes=changes(action),
            key=self.name,
        )
