"""The situations that pages name, each a function of the story."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from rotator.adapters.sqlite_state import SqliteState
from rotator.config.template import template
from tests.docs.story import Story
from tests.docs.takeovers import TAKEOVERS

REGIONS: Final = ("us-east-1", "eu-central-1", "ap-northeast-1")
_STALE: Final = "203.0.113.9"


def an_empty_folder(story: Story) -> None:
    """As it was made."""


def the_first_keys(story: Story) -> None:
    """A key that signs and one that stands by, in three regions as folders."""
    story.quietly("init")
    story.quietly("apply --yes")


def regions_with_public_urls(story: Story) -> None:
    """The same, each region behind an edge that consumers ask."""
    text = template(aws=False)
    for region in REGIONS:
        url = _edge_url(region)
        signing = f'signing: {{kind: file, path: "regions/{region}/{{issuer}}/signing.json"}}'
        check = f'checks: [{{kind: http, url: "{url}"}}]'
        text = text.replace(signing, f"{signing}\n    {check}")
        story.probe.serve(url, partial(_content, story.document(region)))
    (story.folder / "rotator.yaml").write_text(text, "utf-8")
    for _ in range(
        3
    ):  # published; seen behind the edges; led, since they had kept an answer without it
        story.quietly("apply --yes")
        story.pass_time(timedelta(minutes=10))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _edge_url(region: str) -> str:
    return f"https://{region}.auth.example.com/accounts/jwks.json"


def a_region_goes_down(story: Story) -> None:
    story.down.add("eu-central-1")
    url = _edge_url("eu-central-1")
    if url in story.probe.edges:
        story.probe.edges[url].down = "timed out while connecting"


def the_region_is_back(story: Story) -> None:
    story.down.clear()
    for edge in story.probe.edges.values():
        edge.down = None


def an_edge_stops_refreshing(story: Story) -> None:
    """It goes on serving the copy it has, whatever it says of its age."""
    edge = story.probe.edges[_edge_url("ap-northeast-1")]
    edge.body = story.document("ap-northeast-1").read_bytes()


def the_edge_is_mended(story: Story) -> None:
    edge = story.probe.edges[_edge_url("ap-northeast-1")]
    edge.body = None
    edge.purge()


def one_of_four_edges_stops_refreshing(story: Story) -> None:
    """The name has four addresses; the edge behind the third keeps what it has, and says how old it is."""
    url, document = _edge_url("ap-northeast-1"), story.document("ap-northeast-1")
    for last in range(7, 11):
        story.probe.serve_at(url, f"203.0.113.{last}", partial(_content, document))
    edge = story.probe.serve_at(
        url, _STALE, partial(_content, document), max_age=timedelta(days=1000)
    )
    edge.headers = {"cache-control": "public, max-age=300"}
    story.quietly("verify")


def that_edge_is_purged(story: Story) -> None:
    edge = story.probe.at[_edge_url("ap-northeast-1"), _STALE]
    edge.max_age = timedelta(minutes=5)
    edge.purge()


def a_regions_clock_goes_wrong(story: Story) -> None:
    story.probe.edges[_edge_url("eu-central-1")].ahead = timedelta(minutes=3)


def this_hosts_clock_goes_wrong(story: Story) -> None:
    """Ahead by three minutes, so that everybody else's seems to be behind."""
    for edge in story.probe.edges.values():
        edge.ahead = timedelta(minutes=-3)


def the_clocks_are_right(story: Story) -> None:
    for edge in story.probe.edges.values():
        edge.ahead = timedelta()


def somebody_else_publishes(story: Story) -> None:
    """A key that rotator does not own appears in one region."""
    stranger = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "kid": "legacy-2024",
        "use": "sig",
        "alg": "ES256",
    }
    _republish(story, lambda keys: [*keys, stranger])


def its_owner_takes_it_out(story: Story) -> None:
    _republish(story, lambda keys: [key for key in keys if key["kid"] != "legacy-2024"])


def _republish(
    story: Story, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]
) -> None:
    path = story.document("eu-central-1")
    keys = change(json.loads(path.read_bytes())["keys"])
    path.write_text(json.dumps({"keys": keys}, separators=(",", ":"), sort_keys=True), "utf-8")


def a_document_is_overwritten(story: Story) -> None:
    story.document("us-east-1").write_text('{"keys": []}', "utf-8")


def the_state_is_gone(story: Story) -> None:
    for path in (story.folder / ".rotator").glob("state.db*"):
        path.unlink()


def the_state_is_damaged(story: Story) -> None:
    """Somebody edits a row by hand."""
    with sqlite3.connect(story.folder / ".rotator" / "state.db") as connection:
        connection.execute("UPDATE issuers SET state = replace(state, 'retired', 'expired')")
    connection.close()


def another_run_is_at_work(story: Story) -> None:
    """This very process holds the lease, and it lives."""
    store = SqliteState(story.folder / ".rotator" / "state.db", story.clock)
    store.acquire("ops-2:815", timedelta(seconds=60))


def a_checkpoint_key(story: Story) -> None:
    """Runs sign checkpoints of the audit log from now on; the public half goes to whoever audits."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, form, plain)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (story.folder / "checkpoint.pem").write_bytes(private)
    (story.folder / "checkpoint.pub").write_bytes(public)
    _configure(story, "\naudit: {checkpoint_key: checkpoint.pem, checkpoint_copies: copies.txt}\n")


def the_end_of_the_log_is_cut_off(story: Story) -> None:
    """Whoever can write the database can also write where its log ends."""
    with sqlite3.connect(story.folder / ".rotator" / "state.db") as connection:
        connection.execute("DELETE FROM audit WHERE number > 20")
        connection.execute(
            "UPDATE audit_head SET (number, digest) = (SELECT number, digest FROM audit WHERE number = 20)"
        )
    connection.close()


def an_older_state_is_restored(story: Story) -> None:
    """What `state export backup.json` kept comes back in place of what was saved since."""
    story.quietly("state import backup.json --yes")


def a_region_leaves_the_configuration(story: Story) -> None:
    path = story.folder / "rotator.yaml"
    head, _, rest = path.read_text("utf-8").partition("  ap-northeast-1:\n")
    path.write_text(head + rest[rest.index("\n# One `iss`") :], "utf-8")


def switches_only_in_office_hours(story: Story) -> None:
    _configure(story, '\nschedule: {timezone: UTC, windows: ["Mon-Fri 09:00-16:00"]}\n')


def _configure(story: Story, text: str) -> None:
    with (story.folder / "rotator.yaml").open("a", encoding="utf-8") as file:
        file.write(text)


SITUATIONS: Final[dict[str, Callable[[Story], None]]] = {
    "an empty folder": an_empty_folder,
    "the first keys": the_first_keys,
    "regions with public URLs": regions_with_public_urls,
    "an hour passes": lambda story: story.pass_time(timedelta(hours=1)),
    "a day passes": lambda story: story.pass_time(timedelta(days=1)),
    "89 days with runs now and then": lambda story: story.runs_now_and_then(89),
    "90 days pass without a run": lambda story: story.pass_time(timedelta(days=90)),
    "100 days of daily runs": lambda story: story.daily_runs(100),
    "90 days with runs now and then": lambda story: story.runs_now_and_then(90),
    "31 days with runs now and then": lambda story: story.runs_now_and_then(31),
    "a region goes down": a_region_goes_down,
    "the region is back": the_region_is_back,
    "an edge stops refreshing": an_edge_stops_refreshing,
    "the edge is mended": the_edge_is_mended,
    "one of four edges stops refreshing": one_of_four_edges_stops_refreshing,
    "that edge is purged": that_edge_is_purged,
    "a region's clock goes wrong": a_regions_clock_goes_wrong,
    "this host's clock goes wrong": this_hosts_clock_goes_wrong,
    "the clocks are right again": the_clocks_are_right,
    "somebody else publishes": somebody_else_publishes,
    "its owner takes it out": its_owner_takes_it_out,
    "a document is overwritten": a_document_is_overwritten,
    "the state is gone": the_state_is_gone,
    "the state is damaged": the_state_is_damaged,
    "another run is at work": another_run_is_at_work,
    "a checkpoint key": a_checkpoint_key,
    "the end of the log is cut off": the_end_of_the_log_is_cut_off,
    "an older state is restored": an_older_state_is_restored,
    "a region leaves the configuration": a_region_leaves_the_configuration,
    "switches only in office hours": switches_only_in_office_hours,
    **TAKEOVERS,
}
