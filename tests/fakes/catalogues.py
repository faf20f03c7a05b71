"""Catalogues in memory: what lies in a region, and what its aliases point at, in one answer each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rotator.errors import TargetUnreachable
from tests.fakes.kms import MemoryKms
from tests.fakes.targets import MemoryRegion


@dataclass
class MemoryCatalogue:
    """Implements `ports.Catalogue` over the documents of a region. `listed` counts the answers."""

    region: MemoryRegion
    listed: int = field(default=0)

    def covers(self, location: str) -> bool:
        return location.startswith(f"memory://{self.region.name}/")

    def versions(self) -> Mapping[str, str]:
        if self.region.fault:
            raise TargetUnreachable(f"{self.region.name} does not answer")
        self.listed += 1
        etags = ((key, self.region.etag(key)) for key in self.region.documents)
        return {f"memory://{self.region.name}/{key}": etag for key, etag in etags if etag}


@dataclass
class MemoryAliasCatalogue:
    """Implements `ports.Catalogue` over the aliases of a region's KMS. `listed` counts the answers."""

    kms: MemoryKms
    region: str
    listed: int = field(default=0)

    def covers(self, location: str) -> bool:
        return location.startswith("alias/") and location.endswith(f" in {self.region}")

    def versions(self) -> Mapping[str, str]:
        if self.region in self.kms.down:
            raise TargetUnreachable(f"KMS in {self.region} does not answer")
        self.listed += 1
        here = (
            (name, arn) for (region, name), arn in self.kms.aliases.items() if region == self.region
        )
        return {f"{name} in {self.region}": arn for name, arn in here}
