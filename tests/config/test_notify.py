"""The sections `notify` and `metrics`: what is refused, what it amounts to, and that it gives no secret away."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.bootstrap import build_world
from rotator.config.settings import SecretSpec
from rotator.config.show import show
from rotator.domain.notice import Topic
from rotator.errors import NotifyError
from tests.cli.runner import Cli
from tests.config.files import FINE, assert_refused, loaded, refused
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import RecordingNotifier
from tests.fakes.reporter import RecordingReporter
from tests.unit.test_notice import NOTICE

URL = "https://hooks.example.com/T0/B0/very-secret"


def notify(*entries: str) -> str:
    return FINE + "notify:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


REFUSED = [
    ("no kind", 'url: "https://x.example"', 18, "kind"),
    ("another kind", 'kind: pigeon, url: "https://x.example"', 18, "webhook"),
    ("nowhere", "kind: webhook", 18, "needs one of url, url_env and url_file"),
    ("twice somewhere", f'kind: slack, url: "{URL}", url_env: A', 18, "needs one of url"),
    ("no URL", "kind: slack, url: hooks", 18, "is no URL"),
    ("a password in it", 'kind: slack, url: "https://a:b@x.example"', 18, "user or a password"),
    ("http", 'kind: webhook, url: "http://x.example"', 18, "http: lets anyone on the way read"),
    (
        "two secrets",
        f'kind: webhook, url: "{URL}", secret_env: A, secret_file: b',
        18,
        "exclude each other",
    ),
    ("no variable", f'kind: webhook, url: "{URL}", secret_env: "A B"', 18, "name of a variable"),
    ("the secret itself", f'kind: webhook, url: "{URL}", secret: x', 18, "unknown member"),
    ("no events", f'kind: webhook, url: "{URL}", events: []', 18, "events"),
    ("an unknown event", f'kind: webhook, url: "{URL}", events: [lunch]', 18, "switch"),
    ("no repeat", f'kind: webhook, url: "{URL}", repeat: 0', 18, "longer than 0"),
    ("no name", f'kind: webhook, url: "{URL}", name: "a b"', 18, "a name has letters"),
]


@pytest.mark.parametrize(
    ("entry", "line", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(tmp_path: Path, entry: str, line: int, words: str) -> None:
    assert_refused(tmp_path, notify(entry), line, words)


@pytest.mark.parametrize(
    "entries",
    [
        (f'kind: webhook, url: "{URL}"', f'kind: webhook, url: "{URL}"'),
        ("kind: slack, url_env: A, name: ops", "kind: slack, url_env: B, name: ops"),
    ],
    ids=["the same place", "the same name"],
)
def test_two_of_one_name_are_refused(tmp_path: Path, entries: tuple[str, ...]) -> None:
    (problem,) = refused(tmp_path, notify(*entries))
    assert "two are called" in problem
    assert "very-secret" not in problem


@pytest.mark.parametrize(
    "entry",
    [
        'kind: webhook, url: "http://127.0.0.1:8080/x"',
        'kind: webhook, url: "http://x.example", allow_insecure: true',
        "kind: slack, url_env: SLACK",
        "kind: slack, url_file: secrets/slack",
        f'kind: webhook, url: "{URL}", secret_file: secrets/hook',
    ],
)
def test_fine(tmp_path: Path, entry: str) -> None:
    assert refused(tmp_path, notify(entry)) == []


def test_what_it_amounts_to(tmp_path: Path) -> None:
    entry = f'kind: webhook, url: "{URL}", secret_env: HOOK, events: [gate], repeat: 2h'
    (spec,) = loaded(tmp_path, notify(entry)).notify
    assert (spec.kind, spec.topics, spec.repeat) == (
        "webhook",
        frozenset({Topic.GATE}),
        timedelta(hours=2),
    )
    assert (spec.url.value, spec.secret) == (URL, SecretSpec(env="HOOK"))
    assert not spec.allow_insecure


def test_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, notify("kind: slack, url_env: SLACK"))
    (spec,) = settings.notify
    assert (spec.topics, spec.repeat, spec.secret) == (frozenset(Topic), timedelta(days=1), None)
    assert (loaded(tmp_path, FINE).notify, settings.textfile) == ((), None)
    assert loaded(tmp_path, FINE + "notify:\nmetrics:\n").notify == ()


def test_a_name_stays_while_the_place_does_and_gives_nothing_away(tmp_path: Path) -> None:
    one, other = f'kind: webhook, url: "{URL}"', "kind: slack, url_env: SLACK"
    first = [spec.name for spec in loaded(tmp_path, notify(one, other)).notify]
    swapped = [spec.name for spec in loaded(tmp_path, notify(other, one)).notify]
    assert first == swapped[::-1]
    assert [name.split("-")[0] for name in first] == ["webhook", "slack"]
    assert "secret" not in str(first)


def test_shown_without_saying_where_to(tmp_path: Path) -> None:
    entries = (
        f'kind: webhook, name: ops, url: "{URL}", secret_env: HOOK, events: [revoke, gate]',
        "kind: slack, name: chat, url_env: SLACK, repeat: 90m",
    )
    shown = show(loaded(tmp_path, notify(*entries) + "metrics: {textfile: r.prom}\n"))
    place = f"{tmp_path}/rotator.yaml"
    block = shown[shown.index("notify\n") : shown.index("\n\naccounts")].splitlines()
    assert [" ".join(line.split()) for line in block] == [
        "notify",
        f"ops webhook: gate, revoke; every 24 h {place}:18",
        f"chat slack: {', '.join(Topic)}; every 1 h 30 m, unsigned {place}:19",
        "",
        "metrics",
        f"textfile r.prom {place}:20",
    ]
    assert "very-secret" not in shown
    assert not {"notify", "metrics"} & set(show(loaded(tmp_path, FINE)).split())


def test_nothing_of_it_is_part_of_a_plan(tmp_path: Path) -> None:
    plain = loaded(tmp_path, FINE).digest
    assert loaded(tmp_path, notify("kind: slack, url_env: SLACK")).digest == plain


def test_a_setting_has_no_printed_form_of_its_url(tmp_path: Path) -> None:
    settings = loaded(tmp_path, notify(f'kind: slack, url: "{URL}"'))
    assert "very-secret" not in repr(settings)


def test_config_show_and_check_do_not_show_it(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.write_config(cli.config.read_text() + f'notify: [{{kind: slack, url: "{URL}"}}]\n')
    assert "very-secret" not in cli.ok("config", "show") + cli.ok("config", "check")


class TestTextfile:
    def test_it_is_relative_to_the_configuration(self, tmp_path: Path) -> None:
        settings = loaded(tmp_path, FINE + "metrics: {textfile: out/rotator.prom}\n")
        assert settings.textfile == "out/rotator.prom"

    @pytest.mark.parametrize(
        ("path", "words"), [("rotator.txt", "must end in .prom"), ("out/", "must not end in /")]
    )
    def test_what_node_exporter_would_not_read_is_refused(
        self, tmp_path: Path, path: str, words: str
    ) -> None:
        assert_refused(tmp_path, FINE + f"metrics: {{textfile: {path}}}\n", 17, words)


class TestSecrets:
    """A URL and a secret are looked up when they are needed, and what is missing is named by its place."""

    def sends(self, folder: Path, entry: str, environ: dict[str, str]) -> str:
        """Why a notice could not be sent."""
        settings = loaded(folder, notify(entry))
        world = build_world(
            settings, clock=FakeClock(), reporter=RecordingReporter(), environ=environ
        )
        with pytest.raises(NotifyError) as caught:
            world.notifiers[0].send([NOTICE])
        return f"{caught.value.message}: {caught.value.detail}"

    def test_no_variable(self, tmp_path: Path) -> None:
        said = self.sends(tmp_path, "kind: slack, name: chat, url_env: SLACK", {})
        assert said == "the URL of chat is not there: $SLACK is empty or not set"

    def test_an_empty_one(self, tmp_path: Path) -> None:
        entry = 'kind: webhook, name: ops, url: "https://x.example", secret_env: HOOK'
        said = self.sends(tmp_path, entry, {"HOOK": " "})
        assert said == "the secret of ops is not there: $HOOK is empty or not set"

    def test_no_file(self, tmp_path: Path) -> None:
        said = self.sends(tmp_path, "kind: slack, name: chat, url_file: no/where", {})
        place = tmp_path / "no/where"
        assert said == f"the URL of chat is not there: {place}: No such file or directory"

    def test_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"\xff\xfe")
        said = self.sends(tmp_path, "kind: slack, name: chat, url_file: secret", {})
        assert said.endswith("secret: it is no text")

    def test_the_line_of_a_file_is_read_without_its_end(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("ftp://very-secret\n")
        said = self.sends(tmp_path, "kind: slack, name: chat, url_file: secret", {})
        assert said == "chat has no URL that can be posted to: "


def test_readers_take_as_much_at_once_as_their_kind_does(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, notify("kind: slack, url_env: A", 'kind: webhook, url: "https://x.example"')
    )
    world = build_world(settings, clock=FakeClock(), reporter=RecordingReporter(), environ={})
    assert [one.at_once for one in world.notifiers] == [20, RecordingNotifier().at_once]


def test_the_schema_knows_both(tmp_path: Path) -> None:
    properties = json.loads(Cli(tmp_path).ok("config", "schema"))["properties"]
    assert {"notify", "metrics"} <= properties.keys()
