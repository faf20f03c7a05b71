"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="NAME", help="Look at this region only (repeatable)."),
]
IssuerName = Annotated[
    str, typer.Argument(metavar="ISSUER", help="The issuer's name in the configuration.")
]
PlanFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A plan saved with `rotator plan --out FILE`.")
]
ForeignKid = Annotated[
    str,
    typer.Argument(
        metavar="KID", help="The key's kid as it is served (six characters are enough)."
    ),
]
WhyDecided = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")]
