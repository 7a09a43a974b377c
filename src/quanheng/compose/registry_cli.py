"""The verb `registry`: the exchange's own site, in a process of its own (docs/registry.md)."""

from pathlib import Path

import click

from quanheng.compose.console_cli import checked_address
from quanheng.compose.run_folder import RunError
from quanheng.terms.days import from_iso

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False))
@click.option("--store", envvar="QUANHENG_EXCHANGE_PEOPLE", required=True,
              help="Its people, made with `people init --rules exchange`.")  # fmt: skip
@click.option("--store-key", type=_FILE, envvar="QUANHENG_EXCHANGE_PEOPLE_KEY",
              help="Its key; FILE.key by default.")  # fmt: skip
@click.option("--rules", type=_FILE, help="Posts of the exchange; the shipped ones by default.")
@click.option("--day", default="", help="Day that terms are judged on, YYYY-MM-DD; today.")
@click.option(
    "--host", default="127.0.0.1", help="Address to listen at; beyond this machine only with TLS."
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8687, help="0 takes a free one.")
@click.option("--peer", "peers", multiple=True, help="A host that may connect; several for more.")
@click.option("--cert", type=_FILE, help="TLS certificate.")
@click.option("--key", type=_FILE, help="Its key.")
def registry(
    data: Path, store: str, store_key: Path | None, rules: Path | None, day: str, host: str,
    port: int, peers: tuple[str, ...], cert: Path | None, key: Path | None,
) -> None:  # fmt: skip
    """The exchange's site over DATA: register of makers, ratings, publication."""
    hosts = checked_address(host, peers, cert, key)
    try:
        when = from_iso(day) if day else 0
    except ValueError as error:
        raise click.UsageError(f"--day: {error}") from error
    from quanheng.compose.registry_run import serve  # the web server loads for this verb alone

    try:
        serve(data, store, store_key, rules, when, host, port, hosts, cert, key)
    except OSError as error:
        raise RunError(f"{host} port {port}: {error.strerror}") from error
