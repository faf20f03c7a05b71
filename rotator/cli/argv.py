"""Global options are understood anywhere on the line: they are moved before the command, where typer wants them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

GLOBAL_VALUES = frozenset({"--config", "--log-format", "--issuer"})
GLOBAL_FLAGS = frozenset({"--verbose", "--quiet", "--version"})

COMMAND_VALUES = frozenset(
    {
        "--accept",
        "--activated-at",
        "--active",
        "--against",
        "--all-keys",
        "--as-of",
        "--at",
        "--checkpoint-out",
        "--checkpoint-public-key",
        "--claim",
        "--every",
        "--export",
        "--html",
        "--junit",
        "--jwks",
        "--kid",
        "--kms-key",
        "--lifetime",
        "--log",
        "--out",
        "--passphrase-file",
        "--private-key",
        "--reason",
        "--region",
        "--samples",
        "--signers-stopped-at",
        "--since",
        "--until",
        "--verifier",
        "--wait",
    }
)
"""Options of the commands whose value is taken as it stands, even where it looks like an option."""

KID_COMMANDS = frozenset({"adopt", "attest", "history", "reject", "revoke"})
"""Commands that take a kid, which may begin with `-` (one in 64 does): only options they have are options there."""

KID_FLAGS: Mapping[str, frozenset[str]] = {
    "history": frozenset({"--json", "--jwks", "--signed"}),
    "revoke": frozenset(
        {"--dry-run", "--json", "--no-standby", "--restart-list", "--without-state", "--yes"}
    ),
}
"""Their options without a value, also where another command's option of that name has one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A command line: global options first, then the command with its own.

    `wants_json`: even an error must be a JSON document.
    """

    options: tuple[str, ...]
    rest: tuple[str, ...]
    wants_json: bool = False

    @property
    def command(self) -> str | None:
        """The command's name, None when there is none."""
        return self.rest[0] if self.rest and not self.rest[0].startswith("-") else None

    def has(self, flag: str) -> bool:
        """Whether a global flag was given."""
        return flag in self.options

    def value(self, option: str) -> str | None:
        """The last value of a global option."""
        found = None
        for index, word in enumerate(self.options):
            if word == option and index + 1 < len(self.options):
                found = self.options[index + 1]
            elif word.startswith(f"{option}="):
                found = word.partition("=")[2]
        return found

    def words(self) -> list[str]:
        """The line as typer is to read it."""
        return [*self.options, *self.rest]


def hoist(argv: Sequence[str]) -> Line:
    """Sort a command line; what follows `--` stays where it is."""
    options: list[str] = []
    rest: list[str] = []
    wants_json = False
    words = iter(argv)
    for word in words:
        name = word.partition("=")[0]
        if word == "--":
            rest += [word, *words]
        elif name in GLOBAL_VALUES:
            options += [word] if "=" in word else [word, *_next(words)]
        elif word in GLOBAL_FLAGS:
            options.append(word)
        elif word in COMMAND_VALUES and word not in _flags(rest):
            rest += [word, *_next(words)]
        else:
            wants_json |= word == "--json"
            rest.append(word)
    if rest and rest[0] in KID_COMMANDS:
        rest = _kid_behind(rest)
    return Line(tuple(options), tuple(rest), wants_json)


def _kid_behind(rest: list[str]) -> list[str]:
    """The command with its options first, and behind `--` every word that is none of them."""
    options, words = [rest[0]], list[str]()
    left = iter(rest[1:])
    for word in left:
        name = word.partition("=")[0]
        if word == "--":
            words += left
        elif word in _flags(rest):
            options.append(word)
        elif name in COMMAND_VALUES:
            options += [word] if "=" in word else [word, *_next(left)]
        elif word in ("--help", "-h"):
            options.append(word)
        else:
            words.append(word)
    return [*options, "--", *words] if words else options


def _flags(rest: list[str]) -> frozenset[str]:
    return KID_FLAGS.get(rest[0], frozenset()) if rest else frozenset()


def _next(words: Iterator[str]) -> list[str]:
    word = next(words, None)
    return [] if word is None else [word]
