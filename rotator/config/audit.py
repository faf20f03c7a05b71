"""The section `audit` of a configuration: signed checkpoints of the audit log."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rotator.config.places import Spot
from rotator.config.settings import AuditSpec
from rotator.config.values import FilePath, Positive
from rotator.config.written import written


class AuditModel(BaseModel):
    """Signed checkpoints of the audit log; none are made without a key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checkpoint_key: FilePath | None = None
    """An Ed25519 private key in a PEM file, and no issuer's."""
    checkpoint_every: Positive = Field(default="24h", validate_default=True)
    """How long after a checkpoint a run makes the next one."""
    checkpoint_copies: FilePath | None = None
    """A file to which each one is appended, best a place where rotator may only append."""

    @model_validator(mode="after")
    def _copies_need_a_key(self) -> "AuditModel":
        if self.checkpoint_copies is not None and self.checkpoint_key is None:
            raise ValueError("checkpoint_copies needs a checkpoint_key")
        return self


def audit_spec(model: AuditModel, spot: Spot | None) -> AuditSpec:
    """What the section that stands at `spot`, None where nobody wrote one, amounts to."""
    return AuditSpec(
        model.checkpoint_key,
        model.checkpoint_every,
        model.checkpoint_copies,
        written(model, spot) if spot else (),
    )
