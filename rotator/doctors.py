"""Which doctors a configuration needs: settings → what of AWS it uses. Nothing is imported or asked before a round."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.config.settings import (
    AwsSpec,
    IssuerSpec,
    KmsSpec,
    S3Spec,
    S3StateSpec,
    StateSpec,
    WrappedSpec,
)
from rotator.domain.state import IssuerState
from rotator.ports import Clock, Doctor, Examination

if TYPE_CHECKING:
    from rotator.adapters.aws_doctor import AwsDoctor, BucketUse, EdgeUse, KmsUse, WrappingUse
    from rotator.aws import AwsAccess, AwsClients

ISSUER = "{issuer}"

Access = Callable[[AwsSpec], "AwsAccess"]


def doctors_for(
    issuers: Sequence[IssuerSpec],
    state: StateSpec,
    clock: Clock,
    access: Access,
    clients: "Callable[[], AwsClients]",
) -> tuple[Doctor, ...]:
    """AWS's doctor where anything lies in AWS, none otherwise."""
    uses_aws = isinstance(state, S3StateSpec) or any(
        isinstance(issuer.keys, KmsSpec | WrappedSpec)
        or any(isinstance(d, S3Spec) for r in issuer.regions for d in (r.jwks, r.signing))
        or any(region.cdn for region in issuer.regions)
        for issuer in issuers
    )
    return (LazyAwsDoctor(issuers, state, clock, access, clients),) if uses_aws else ()


@dataclass(frozen=True)
class LazyAwsDoctor:
    """Implements `ports.Doctor`: the AWS doctor, made when a round begins."""

    issuers: Sequence[IssuerSpec]
    state: StateSpec
    clock: Clock
    access: Access
    clients: "Callable[[], AwsClients]"

    def examinations(self, states: Mapping[str, IssuerState]) -> Sequence[Examination]:
        """What there is to look at in AWS."""
        return self.doctor().examinations(states)

    def doctor(self) -> "AwsDoctor":
        """The doctor that asks, with what of AWS is used."""
        from rotator.adapters.aws_doctor import AwsDoctor

        drifts = (issuer.setup.policy.max_clock_drift for issuer in self.issuers)
        return AwsDoctor(
            self.clients(),
            self.clock,
            min(drifts, default=timedelta(seconds=5)),
            buckets=tuple(self._buckets()),
            keys=tuple(self._kms()),
            wrapping=tuple(self._wrapping()),
            edges=tuple(self._edges()),
        )

    def _buckets(self) -> "Iterator[BucketUse]":
        from rotator.adapters.aws_doctor import BucketUse, Purpose

        if isinstance(self.state, S3StateSpec):
            access, lease = self.access(self.state.aws), f"{self.state.prefix}/lease.json"
            yield BucketUse(Purpose.STATE, access, self.state.bucket, lease)
        for issuer in self.issuers:
            wrapped = isinstance(issuer.keys, WrappedSpec)
            for region in issuer.regions:
                documents = ((Purpose.JWKS, region.jwks), (Purpose.SIGNING, region.signing))
                for purpose, spec in documents:
                    if isinstance(spec, S3Spec):
                        private = wrapped and purpose is Purpose.SIGNING
                        access, where = self.access(spec.aws), region.name
                        yield BucketUse(purpose, access, spec.bucket, spec.key, where, private)

    def _kms(self) -> "Iterator[KmsUse]":
        from rotator.adapters.aws_doctor import KmsUse

        for issuer in self.issuers:
            if isinstance(issuer.keys, KmsSpec):
                keys = issuer.keys
                alias = keys.alias.replace(ISSUER, issuer.name)
                primary = str(keys.primary.region)
                yield KmsUse(issuer.name, primary, self._accesses(keys.regions), alias)

    def _wrapping(self) -> "Iterator[WrappingUse]":
        from rotator.adapters.aws_doctor import WrappingUse

        for issuer in self.issuers:
            if isinstance(issuer.keys, WrappedSpec):
                keys, policy = issuer.keys, issuer.setup.policy
                yield WrappingUse(
                    issuer.name,
                    str(keys.primary.region),
                    self._accesses(keys.regions),
                    keys.wrapping_key,
                    policy.algorithm,
                    policy.rsa_bits,
                )

    def _edges(self) -> "Iterator[EdgeUse]":
        """Asked through the region's own access: CloudFront is one for all regions, but not for all accounts."""
        from rotator.adapters.aws_doctor import EdgeUse

        for issuer in self.issuers:
            lead = issuer.setup.policy.publish_lead
            for region in issuer.regions:
                if cdn := region.cdn:
                    access, where = self.access(region.aws), region.name
                    yield EdgeUse(issuer.name, where, access, cdn.distribution, cdn.path, lead)

    def _accesses(self, specs: Sequence[AwsSpec]) -> "Mapping[str, AwsAccess]":
        return {str(spec.region): self.access(spec) for spec in specs}
