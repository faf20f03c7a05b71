"""`rotator init [DIR]`."""

from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.output import print_text
from rotator.errors import UsageError


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; else here.")] = Path(),
    aws: Annotated[
        bool, typer.Option("--aws", help="Regions in S3 and keys in KMS instead of folders.")
    ] = False,
) -> int:
    """Write a commented rotator.yaml to start from. Never overwrites."""
    from rotator.config.template import GITIGNORE, template

    config = directory / "rotator.yaml"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as file:
            file.write(template(aws=aws))
        _ignore(directory / ".gitignore", GITIGNORE)
    except FileExistsError:
        hint = "remove it, or choose another directory: rotator init DIR"
        raise UsageError(
            f"{config} exists already", detail="init never overwrites", hint=hint
        ) from None
    except OSError as error:
        raise UsageError(
            f"{config} cannot be written", detail=error.strerror or str(error)
        ) from None
    option = "" if directory == Path() else f"--config {config} "
    print_text(f"wrote {config}\nnext: rotator {option}plan\n")
    return 0


def _ignore(path: Path, line: str) -> None:
    """State and keys stay out of git: the line is added where it is missing, nothing else is touched."""
    have = path.read_text(encoding="utf-8") if path.exists() else ""
    if line.strip() in have.split():
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if have and not have.endswith("\n") else "") + line)
