# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm export`: contacts into a file. For cli only."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.cli import output
from radicale_bcm.cli.failures import misused
from radicale_bcm.cli.options import Filters, Json
from radicale_bcm.cli.site import actor_of, opened
from radicale_bcm.sync.exporting import DATABASE, FORMATS, Export

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def export(
    ctx: typer.Context,
    file_format: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="The kind of file.")
    ] = FORMATS[0],
    path: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The file to write; without it, standard output.")
    ] = "-",
    source: Annotated[
        str,
        typer.Option("--from", metavar="database|/PRINCIPAL/FOLDER", help="Business records, or what a folder shows."),
    ] = DATABASE,
    filters: Filters = None,
    as_json: Json = False,
) -> None:
    """Write contacts into a vCard (3.0) or CSV file, photos and everything else that their cards keep included.

    What `import` reads again from it are the same contacts. A folder's cards are written as clients get them, plain
    contacts byte for byte.

    For example:
        radicale-bcm export --output contacts.vcf
        radicale-bcm export --format csv --filter 'company=Contoso*' --output contoso.csv
        radicale-bcm export --from /alice/Contacts > alice.vcf
    """
    if file_format not in FORMATS:
        raise misused(f"--format is one of {', '.join(FORMATS)}")
    if as_json and path == "-":
        raise misused("--json tells about a file: name it with --output")
    with opened(ctx) as site:
        work = Export(site, actor_of(ctx), source, filters=filters or ())
        with output.progress("Exporting") as progress, _opened(path) as write:
            for piece in work.pieces(file_format):
                write(piece)
                progress(work.written, work.total)
    if as_json:
        output.document({"exported": work.written, "output": path})
    elif path != "-":
        output.say(f"{output.counted(work.written, 'contact')} written to {output.clean(path)}.")


@contextmanager
def _opened(path: str) -> Iterator[Callable[[str], object]]:
    """Where to write to. A file is there when it is complete, and only then."""
    if path == "-":
        binary = getattr(sys.stdout, "buffer", None)
        yield sys.stdout.write if binary is None else lambda text: binary.write(text.encode("utf-8", "replace"))
        sys.stdout.flush()
        return
    target = Path(path)
    if target.exists() and not target.is_file():  # a device, a pipe
        with target.open("w", encoding="utf-8", errors="replace", newline="") as file:
            yield file.write
        return
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="replace", newline="") as file:
            yield file.write
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
