"""`tongyu verify`: an offline desk's check of a code, with an answer for people and a status for scripts."""

from pathlib import Path
from typing import Annotated

import typer

from backend.core.clock import SystemClock
from backend.core.errors import Locale
from backend.onecode.offline import Exit, Inputs, verify_files


def verify(
    trust_list: Annotated[Path, typer.Option(help="The signed trust list.", exists=True, dir_okay=False)],
    domain: Annotated[str, typer.Option(help="What the desk serves, such as medical.")],
    code: Annotated[str | None, typer.Argument(help="The scanned text, YM1:…")] = None,
    image: Annotated[
        Path | None, typer.Option(help="A picture of the code instead.", exists=True, dir_okay=False)
    ] = None,
    status_list: Annotated[
        list[Path] | None,
        typer.Option(help="A status list; repeatable. Without one a revoked code can't be told."),
    ] = None,
    roots: Annotated[
        Path | None, typer.Option(help="The pinned root keys; `roots.json` beside the trust list.")
    ] = None,
    challenge: Annotated[str | None, typer.Option(help="The challenge that the desk showed, in hex.")] = None,
    *,
    english: Annotated[bool, typer.Option("--english", help="Answer in English.")] = False,
) -> None:
    """Verifies a code without a network.

    Exit status: 0 accepted, 1 rejected, 3 trust material unusable (missing, stale, forged, rolled back),
    4 input unreadable. The highest trust list seen is remembered beside it, so that no older one comes back.
    """
    locale: Locale = "en" if english else "zh-CN"
    verdict = verify_files(
        Inputs(
            trust_list=trust_list,
            roots=roots or trust_list.with_name("roots.json"),
            state=trust_list.with_name(f"{trust_list.name}.state.json"),
            domain=domain,
            status_lists=tuple(status_list or ()),
            text=code,
            image=image,
            challenge=_challenge(challenge),
        ),
        SystemClock(),
    )
    accepted = verdict.exit is Exit.ACCEPTED
    typer.secho(verdict.code, fg="green" if accepted else "red", bold=True, err=not accepted)
    for sentence in verdict.sentences(locale):
        typer.echo(sentence, err=not accepted)
    raise typer.Exit(verdict.exit)


def _challenge(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError as fault:
        raise typer.BadParameter("the challenge is hexadecimal") from fault
