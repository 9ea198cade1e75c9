"""Filings for treatment in another city (异地就医备案), and when one may file, extend or cancel them.

All rules are pure: `today` is the day in UTC+8. A filing never touches what is already settled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from backend.core.errors import Refusal
from backend.medical.codes import Basis, FilingKind, Insutype
from backend.medical.models import require_identifier
from backend.medical.periods import Period, add_months, china_day, in_force
from backend.medical.places import require_city

_LONGEST_TEXT: Final = 500
_SHORT_TEXTS: Final = ("rloc_hsorg_name", "rloc_rea", "memo")


@dataclass(frozen=True, slots=True)
class FilingRule:
    """What a kind of filing may be, for a period; data, as the limits change.

    `months` is how long a temporary filing lasts and what an extension adds, None for the long-term kinds. It
    may begin `backdate_days` before or `advance_days` after it is filed, and be extended in its last
    `extend_days`.
    """

    kind: FilingKind
    period: Period
    months: int | None
    backdate_days: int
    advance_days: int
    extend_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who files for somebody else (代办人)."""

    agnter_name: str = field(repr=False)
    agnter_cert_type: str
    agnter_certno: str = field(repr=False)
    agnter_tel: str = field(repr=False)
    agnter_rlts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a person asks to have filed; `insu_admdvs` is home, `rloc_admdvs` the place of treatment.

    Refused: MEDICAL_PLACE_UNKNOWN, MEDICAL_FILING_SAME_CITY, MEDICAL_ID_INVALID, MEDICAL_TEXT_TOO_LONG.
    """

    kind: FilingKind
    psn_no: str = field(repr=False)
    psn_cert_type: str
    certno: str = field(repr=False)
    psn_name: str = field(repr=False)
    insutype: Insutype
    tel: str = field(repr=False)
    insu_admdvs: str
    rloc_admdvs: str
    rloc_hsorg_name: str = ""
    rloc_rea: str = field(default="", repr=False)
    begndate: date
    memo: str = field(default="", repr=False)
    agent: Agent | None = None

    def __post_init__(self) -> None:
        """Refuses what could never be filed."""
        require_identifier(self.psn_no, "psn_no")
        for name in _SHORT_TEXTS:
            if len(getattr(self, name)) > _LONGEST_TEXT:
                raise Refusal("MEDICAL_TEXT_TOO_LONG", field=name, most=_LONGEST_TEXT)
        if require_city(self.insu_admdvs) == self.destination:
            raise Refusal("MEDICAL_FILING_SAME_CITY")

    @property
    def destination(self) -> str:
        """The city of treatment; every hospital of it is meant, whichever the filing names."""
        return require_city(self.rloc_admdvs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing(Application):
    """A filing as it stands. `enddate` is its last day, None for the long-term kinds.

    From `cancelled_from` on it isn't valid any more; what was treated before stays covered.
    """

    id: str
    enddate: date | None
    filed_at: datetime
    extensions: int = 0
    cancelled_from: date | None = None

    @property
    def basis(self) -> Basis:
        """The footing that this filing gives a settlement."""
        return Basis(self.kind.value)

    @property
    def last_day(self) -> date:
        """The last valid day; date.max when none is set."""
        ends = [self.enddate] if self.enddate else []
        if self.cancelled_from:
            ends.append(self.cancelled_from - timedelta(days=1))
        return min(ends, default=date.max)

    def is_valid_on(self, day: date) -> bool:
        """Whether a treatment on that day is covered."""
        return self.begndate <= day <= self.last_day

    def vali_flag(self, day: date) -> str:
        """有效标志 on a day: "1" while valid or still to come, else "0"."""
        return "1" if day <= self.last_day and self.begndate <= self.last_day else "0"


def file(
    application: Application,
    *,
    id: str,  # noqa: A002 - the field's name.
    now: datetime,
    existing: Iterable[Filing],
    rules: Iterable[FilingRule],
) -> Filing:
    """The filing made of an application, under the rule of the day on which it is filed.

    `existing` are the person's filings. Refused: MEDICAL_FILING_RULE_NONE, MEDICAL_FILING_BACKDATED,
    MEDICAL_FILING_TOO_EARLY, MEDICAL_FILING_ENDED, MEDICAL_FILING_OVERLAP.
    """
    today = china_day(now)
    rule = rule_for(application.kind, today, rules)
    _require_begin(application.begndate, today, rule)
    end = None if rule.months is None else _end(application.begndate, rule.months)
    if end is not None and end < today:
        raise Refusal("MEDICAL_FILING_ENDED")
    filing = Filing(**_asked(application), id=id, enddate=end, filed_at=now)
    _require_no_overlap(filing, existing)
    return filing


def extend(filing: Filing, *, today: date, existing: Iterable[Filing], rules: Iterable[FilingRule]) -> Filing:
    """The filing, valid for another term from its last day on; only temporary ones, in their last days.

    Refused: MEDICAL_FILING_OVER, MEDICAL_FILING_LONG_TERM, MEDICAL_FILING_EXTEND_EARLY,
    MEDICAL_FILING_RULE_NONE, MEDICAL_FILING_OVERLAP.
    """
    _require_standing(filing, today)
    rule = rule_for(filing.kind, today, rules)
    if filing.enddate is None or rule.months is None:
        raise Refusal("MEDICAL_FILING_LONG_TERM")
    opens = filing.enddate - timedelta(days=rule.extend_days)
    if today < opens:
        raise Refusal("MEDICAL_FILING_EXTEND_EARLY", day=f"{opens}")
    begin = filing.enddate + timedelta(days=1)
    extended = replace(filing, enddate=_end(begin, rule.months), extensions=filing.extensions + 1)
    _require_no_overlap(extended, existing)
    return extended


def cancel(filing: Filing, *, today: date) -> Filing:
    """The filing, not valid from today on; MEDICAL_FILING_OVER when it already isn't."""
    _require_standing(filing, today)
    return replace(filing, cancelled_from=today)


def covering(
    filings: Iterable[Filing], *, psn_no: str, insutype: Insutype, home: str, treating: str, day: date
) -> Filing | None:
    """The person's filing from the home city to the treating city that is valid on the day of treatment."""
    fits = (
        one
        for one in filings
        if (one.psn_no, one.insutype) == (psn_no, insutype)
        and (require_city(one.insu_admdvs), one.destination) == (home, treating)
        and one.is_valid_on(day)
    )
    return next(fits, None)


def rule_for(kind: FilingKind, day: date, rules: Iterable[FilingRule]) -> FilingRule:
    """The rule in force; MEDICAL_FILING_RULE_NONE when the data has none for that day."""
    rule = in_force((rule for rule in rules if rule.kind is kind), day)
    if rule is None:
        raise Refusal("MEDICAL_FILING_RULE_NONE", day=f"{day}")
    return rule


def _require_begin(begin: date, today: date, rule: FilingRule) -> None:
    if (today - begin).days > rule.backdate_days:
        raise Refusal("MEDICAL_FILING_BACKDATED", days=rule.backdate_days)
    if (begin - today).days > rule.advance_days:
        raise Refusal("MEDICAL_FILING_TOO_EARLY", days=rule.advance_days)


def _require_standing(filing: Filing, today: date) -> None:
    if filing.vali_flag(today) == "0" or filing.cancelled_from is not None:
        raise Refusal("MEDICAL_FILING_OVER")


def _require_no_overlap(filing: Filing, existing: Iterable[Filing]) -> None:
    for other in existing:
        if other.id != filing.id and _compete(filing, other) and _meet(filing, other):
            raise Refusal("MEDICAL_FILING_OVERLAP", first=f"{other.begndate}")


def _compete(one: Filing, other: Filing) -> bool:
    """Two filings to one city, and two long-term ones wherever to: nobody lives in two cities at once."""
    same_person = (one.psn_no, one.insutype) == (other.psn_no, other.insutype)
    return same_person and (
        one.destination == other.destination or (one.kind.is_long_term and other.kind.is_long_term)
    )


def _meet(one: Filing, other: Filing) -> bool:
    return max(one.begndate, other.begndate) <= min(one.last_day, other.last_day)


def _end(begin: date, months: int) -> date:
    return add_months(begin, months) - timedelta(days=1)


def _asked(application: Application) -> dict[str, Any]:
    return {one.name: getattr(application, one.name) for one in fields(Application)}
