"""`tongyu seed`: demo residents by the thousand or million, and the demo desks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from backend.cli.current import command_settings
from backend.core.errors import Refusal
from backend.core.foundation import Foundation, build_foundation
from backend.core.resident_id import parse_id_number
from backend.database import prepare
from backend.exchange.sandbox.population import DEFAULT_SEED, LARGEST_POPULATION, people
from backend.identity.seeding import SeedPerson, seed_residents
from backend.identity.staff.models import StaffRole, StaffScope
from backend.services import build_ports, build_services

REGISTERED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
DEMO_PASSWORD: Final = "one-code-three-cities"  # noqa: S105 - printed in the README; for demo desks alone.


@dataclass(frozen=True, slots=True)
class DemoDesk:
    """An account of the demo's staff."""

    username: str
    roles: frozenset[StaffRole]
    scope: StaffScope


DEMO_DESKS: Final = (
    DemoDesk(
        "hospital.changsha",
        frozenset({StaffRole.VERIFIER}),
        StaffScope("430100", "长沙市医疗保障局", "湘雅医院住院结算窗口", frozenset({"medical"})),
    ),
    DemoDesk(
        "school.zhuzhou",
        frozenset({StaffRole.VERIFIER}),
        StaffScope("430200", "株洲市教育局", "天元区校门岗", frozenset({"school_gate", "education"})),
    ),
    DemoDesk(
        "hall.xiangtan",
        frozenset({StaffRole.VERIFIER, StaffRole.CARD_ISSUER, StaffRole.IDENTITY_OFFICER}),
        StaffScope(
            "430300",
            "湘潭市公安局",
            "市民之家综合窗口",
            frozenset({"household", "social_security", "general"}),
        ),
    ),
)


def seed(
    residents: Annotated[int, typer.Option(help="How many.", min=0, max=LARGEST_POPULATION)] = 2000,
    seed: Annotated[int, typer.Option(help="Another number grows another population.")] = DEFAULT_SEED,
    *,
    desks: Annotated[
        bool, typer.Option("--desks", help="The demo's desks too, with a known password.")
    ] = False,
) -> None:
    """Registers demo residents: the same ones for the same seed, resumable, with progress."""
    console = Console(highlight=False)
    foundation = build_foundation(command_settings())
    with foundation.db.client:
        prepare(foundation)
        added = _seed(foundation, residents, seed, console)
        made = _seed_desks(foundation) if desks else 0
        console.print(f"[green]✓[/] Demo data: {added} new residents, {made} new desks")


def _seed(foundation: Foundation, residents: int, seed: int, console: Console) -> int:
    with _bar(console) as bar:
        task = bar.add_task("Demo residents", total=residents)
        return seed_residents(
            foundation.db,
            foundation.sealer,
            _people(residents, seed),
            REGISTERED_AT,
            seed=seed,
            progress=lambda done: bar.update(task, completed=done),
        )


def _people(residents: int, seed: int) -> Iterator[SeedPerson]:
    today = date(REGISTERED_AT.year, REGISTERED_AT.month, REGISTERED_AT.day)
    for one in people(0, residents, seed):
        number = parse_id_number(one.id_number, today=today)
        yield SeedPerson(one.name, number, one.mobile, one.district, one.insurance_place)


def _seed_desks(foundation: Foundation) -> int:
    """Creates the desks that aren't there yet; how many they were."""
    accounts = build_services(foundation, build_ports(foundation)).staff.accounts
    made = 0
    for desk in DEMO_DESKS:
        try:
            accounts.create(desk.username, DEMO_PASSWORD, desk.roles, desk.scope)
            made += 1
        except Refusal as refusal:
            if refusal.code != "STAFF_EXISTS":
                raise
    return made


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
