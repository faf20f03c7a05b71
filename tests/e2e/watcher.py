"""Reads every document of a place over and over, without rotator, and notes whatever breaks an invariant (design §5)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import urllib3

from tests.e2e.consumers import key_set
from tests.e2e.place import ISSUER, REGIONS, Place

LEEWAY = timedelta(seconds=30)
PAUSE_S = 0.03


@dataclass
class Watcher:
    """Looks from a thread of its own for as long as its context lasts; `now` is the virtual time.

    `wrong` is what it saw and should not have, `kids` every key that was ever served, `looks` how often it looked.
    """

    place: Place
    now: Callable[[], datetime]
    wrong: list[str] = field(default_factory=list)
    kids: set[str] = field(default_factory=set)
    looks: int = 0
    _highest: dict[str, int] = field(default_factory=dict)
    _alive_until: dict[str, datetime] = field(default_factory=dict)
    _parsed: dict[bytes, frozenset[str]] = field(default_factory=dict)
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join(30)

    def lease(self) -> dict[str, Any] | None:
        """Who holds the lease now, None when nobody does."""
        body = self._read(self._urls["lease"])
        claim: dict[str, Any] | None = json.loads(body)["lease"]["claim"] if body else None
        return claim

    def _watch(self) -> None:
        while not self._end.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must hear of it
                self.wrong.append(f"{self.now()}: {error!r}")
            self.looks += 1
            self._end.wait(PAUSE_S)

    def _look(self) -> None:
        """Signing targets first, key sets after them: what is signed with must be served by then, and stay."""
        for region in REGIONS:
            if body := self._read(self._urls[f"{region} signing"]):
                self._take_orders(region, json.loads(body))
        if body := self._read(self._urls["state"]):
            self._take_state(json.loads(body))
        for region in REGIONS:
            self._hold_against(region, self._read(self._urls[f"{region} jwks"]))
        if body := self._read(self._urls["lease"]):
            self._only_up("the fence", json.loads(body)["lease"]["fence"])

    def _take_orders(self, region: str, orders: Any) -> None:
        """Whoever reads this signs for as long as it may, with tokens that live as long as they may (T3, T4)."""
        self._only_up(f"{region}'s generation", orders["generation"])
        lasts = timedelta(seconds=orders["stop_after_s"] + orders["max_token_lifetime_s"]) + LEEWAY
        self._alive_until[orders["active"]["kid"]] = self.now() + lasts

    def _take_state(self, stored: Any) -> None:
        """The state is ahead of every signing target that was read before it (I8)."""
        self._only_up("the serial", stored["serial"])
        self._only_up("the state's generation", stored["state"]["generation"])
        for region in REGIONS:
            seen = self._highest.get(f"{region}'s generation", 0)
            if seen > stored["state"]["generation"]:
                self.wrong.append(f"{self.now()}: {region} is ahead of the state")

    def _hold_against(self, region: str, body: bytes | None) -> None:
        now = self.now()
        served = self._keys(body) if body is not None else frozenset()
        needed = {kid for kid, until in self._alive_until.items() if until >= now}
        if missing := needed - served:
            self.wrong.append(
                f"{now}: {region} lacks {sorted(missing)}, it serves {sorted(served)}"
            )
        self.kids |= served

    def _keys(self, body: bytes) -> frozenset[str]:
        if body not in self._parsed:
            self._parsed[body] = frozenset(key_set(body))
        return self._parsed[body]

    def _only_up(self, what: str, value: int) -> None:
        before = self._highest.setdefault(what, value)
        if value < before:
            self.wrong.append(f"{self.now()}: {what} went from {before} back to {value}")
        self._highest[what] = max(before, value)

    def _read(self, url: str) -> bytes | None:
        answer = self._http.request("GET", url, retries=False)
        assert answer.status in {200, 404}, (answer.status, answer.data)
        return answer.data if answer.status == 200 else None

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(maxsize=2, timeout=30)

    @cached_property
    def _urls(self) -> dict[str, str]:
        """Signed once: botocore takes several times as long for a read as the store does."""
        config, found = self.place.config, {}
        for region, bucket in self.place.buckets.items():
            for which in ("jwks", "signing"):
                key = config["regions"][region][which]["key"].replace("{issuer}", ISSUER)
                found[f"{region} {which}"] = _presigned(bucket.client, bucket.name, key)
        client, kept = self.place.buckets[REGIONS[0]].client, config["state"]
        for what, name in (("state", f"state/{ISSUER}.json"), ("lease", "lease.json")):
            found[what] = _presigned(client, kept["bucket"], f"{kept['prefix']}/{name}")
        return found


def _presigned(client: Any, bucket: str, key: str) -> str:
    where = {"Bucket": bucket, "Key": key}
    url: str = client.generate_presigned_url("get_object", Params=where, ExpiresIn=86_400)
    return url
