# SPDX-License-Identifier: GPL-3.0-or-later
"""`radicale-bcm serve`: the production server. For cli only."""

import os
from pathlib import Path
from typing import Annotated

import typer

from radicale_bcm.cli.failures import refuse
from radicale_bcm.cli.site import configuration_path, plugin_configuration

app = typer.Typer(rich_markup_mode=None, add_completion=False)

MOST_WORKERS = 4

Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes any port that is free.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=64, help="Processes; as many as processors without it, up to 4.")
]


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", help="The address to listen on; [server] hosts without it.")
    ] = None,
    port: Port = None,
    workers: Workers = None,
) -> None:
    """Run the server until it is stopped (Ctrl-C, SIGTERM). Prints one line with its URL when it is ready.

    For example:
        radicale-bcm -C /srv/contacts/radicale.ini serve
        radicale-bcm -C /srv/contacts/radicale.ini serve --host 0.0.0.0 --port 8080 --workers 4
    """
    configuration = plugin_configuration(ctx)
    usual_host, usual_port = configuration.get("server", "hosts")[0]
    run(configuration_path(ctx), host or usual_host, usual_port if port is None else port, workers)


def run(path: str, host: str, port: int, workers: int | None) -> None:
    """Serve a configuration."""
    from radicale_bcm.server.serve import serve as serve_forever  # noqa: PLC0415 - the demo may not want to serve

    try:
        serve_forever(Path(path), host, port, workers or min(os.cpu_count() or 1, MOST_WORKERS))
    except OSError as error:
        if error.filename:
            raise
        raise refuse(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Choose another with --port"
        ) from error
