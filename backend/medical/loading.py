"""Reads and validates the dated tables of `data/`; a fault is a coded refusal that says where."""

import csv
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar

from backend.core.errors import Refusal
from backend.medical.codes import (
    AidCategory,
    Basis,
    Coded,
    FilingKind,
    HospitalLevel,
    Insutype,
    ItemClass,
    MedType,
    parse_code,
)
from backend.medical.filings import FilingRule
from backend.medical.money import EXACT, parse_decimal
from backend.medical.periods import Dated, Period, in_order
from backend.medical.places import require_city
from backend.medical.tables import (
    Band,
    CatalogueItem,
    Layer,
    LayerBase,
    Policy,
    Rate,
    RateKey,
    Tables,
)

Row = TypeVar("Row", bound=Dated)
Key = TypeVar("Key")
Typed = TypeVar("Typed")
Fields = Mapping[str, Any]

_POLICY: Final = {"insutype", "med_types", "first", "account", "deductible", "ratio", "points_less"}
_POLICY_TOO: Final = {"last", "annual_cap", "supplement", "aid"}
_RULE: Final = {"kind", "first", "backdate_days", "advance_days", "extend_days"}
_ITEM: Final = [
    "city",
    "med_list_codg",
    "name_zh",
    "name_en",
    "chrgitm_lv",
    "pric_uplmt_amt",
    "selfpay_prop",
    "first",
    "last",
]


@cache
def tables() -> Tables:
    """The tables of the package, all of them illustrative."""
    data = files("backend.medical") / "data"
    sheets = sorted((data / "policies").iterdir(), key=lambda sheet: sheet.name)
    policies = [one for sheet in sheets for one in parse_policies(sheet.read_text("utf-8"))]
    items = parse_catalogue((data / "catalogue.csv").read_text("utf-8"))
    return build_tables(policies, items, parse_filing_rules((data / "filing_rules.toml").read_text("utf-8")))


def build_tables(
    policies: Iterable[Policy], items: Iterable[CatalogueItem], rules: Iterable[FilingRule]
) -> Tables:
    """Rows by key and date. MEDICAL_TABLE_OVERLAP, MEDICAL_TABLE_GAP; only a catalogue item may pause."""
    keyed = [((one.city, one.insutype, med), one) for one in policies for med in one.med_types]
    by_kind = _by_key(((rule.kind, rule) for rule in rules), gaps=False)
    return Tables(
        policies=_by_key(keyed, gaps=False),
        catalogue=_by_key((((item.city, item.med_list_codg), item) for item in items), gaps=True),
        filing_rules=tuple(rule for series in by_kind.values() for rule in series),
    )


def parse_policies(text: str) -> list[Policy]:
    """The policies of one city's TOML sheet; see `data/policies` for its form."""
    sheet = _toml(text)
    _require_fields(sheet, {"illustrative", "city", "policy"}, set(), "sheet")
    city = _typed(sheet["city"], str, "city")
    if require_city(city) != city or sheet["illustrative"] is not True:
        raise Refusal("MEDICAL_TABLE_FORMAT", where="city")
    return [_policy(city, one) for one in _typed(sheet["policy"], list, city)]


def parse_catalogue(text: str) -> list[CatalogueItem]:
    """The items of a catalogue's CSV; an empty limit or last day is none."""
    reader = csv.DictReader(text.splitlines(), strict=True)
    if reader.fieldnames != _ITEM:
        raise Refusal("MEDICAL_TABLE_FORMAT", where="catalogue")
    try:
        return [_item(row) for row in reader]
    except (csv.Error, TypeError, ValueError):
        raise Refusal("MEDICAL_TABLE_FORMAT", where=f"catalogue:{reader.line_num}") from None


def parse_filing_rules(text: str) -> list[FilingRule]:
    """The filing rules of a TOML sheet; a long-term kind has no `months`, a temporary one must."""
    sheet = _toml(text)
    _require_fields(sheet, {"illustrative", "rule"}, set(), "filing rules")
    return [_rule(one) for one in _typed(sheet["rule"], list, "rule")]


def _policy(city: str, row: Fields) -> Policy:
    where = f"{city}/{_typed(row, dict, city).get('insutype')}"
    _require_fields(row, _POLICY, _POLICY_TOO, where)
    supplement = row.get("supplement")
    aid = _typed(row.get("aid", {}), dict, where)
    return Policy(
        city=city,
        insutype=_code(Insutype, row["insutype"], where),
        med_types=frozenset(_code(MedType, one, where) for one in _typed(row["med_types"], list, where)),
        period=_period(row, where),
        rates=_rates(row, where),
        annual_cap=_optional(row.get("annual_cap"), where),
        has_account=_typed(row["account"], bool, where),
        supplement=_layer(supplement, where) if supplement is not None else None,
        aid={_code(AidCategory, name, where): _aid(layer, where) for name, layer in aid.items()},
    )


def _rates(row: Fields, where: str) -> dict[RateKey, Rate]:
    deductible, ratio = (_by_code(HospitalLevel, row[name], where) for name in ("deductible", "ratio"))
    less = _by_code(Basis, row["points_less"], where)
    return {
        (level, basis): Rate(
            _decimal(deductible[level], where),
            EXACT.subtract(_decimal(ratio[level], where, 4), _decimal(less[basis], where, 4)),
        )
        for level in HospitalLevel
        for basis in Basis
    }


def _by_code(kind: type[Coded], row: object, where: str) -> dict[Coded, object]:
    """A table with exactly one value for each code; MEDICAL_TABLE_INCOMPLETE when one is missing."""
    values = {_code(kind, name, where): value for name, value in _typed(row, dict, where).items()}
    if values.keys() != set(kind):
        raise Refusal("MEDICAL_TABLE_INCOMPLETE", where=where)
    return values


def _layer(row: object, where: str) -> Layer:
    fields = _typed(row, dict, where)
    _require_fields(fields, {"fund", "base", "bands"}, {"cap"}, where)
    fund = _typed(fields["fund"], str, where)
    if fund not in {"hifmi_pay", "hifob_pay"}:
        raise Refusal("MEDICAL_TABLE_FORMAT", where=where)
    return Layer(
        fund=fund,
        base=_code(LayerBase, fields["base"], where),
        bands=_bands(fields["bands"], where),
        cap=_optional(fields.get("cap"), where),
    )


def _aid(row: object, where: str) -> Layer:
    fields = _typed(row, dict, where)
    _require_fields(fields, {"bands"}, {"cap"}, where)
    cap = _optional(fields.get("cap"), where)
    return Layer(fund="maf_pay", base=LayerBase.BURDEN, bands=_bands(fields["bands"], where), cap=cap)


def _bands(rows: object, where: str) -> tuple[Band, ...]:
    bands = []
    for row in _typed(rows, list, where):
        fields = _typed(row, dict, where)
        _require_fields(fields, {"over", "ratio"}, set(), where)
        bands.append(Band(_decimal(fields["over"], where), _decimal(fields["ratio"], where, 4)))
    return tuple(bands)


def _item(row: Mapping[str, str]) -> CatalogueItem:
    where = row["med_list_codg"]
    if None in row:  # More cells than columns.
        raise ValueError(where)
    limit = row["pric_uplmt_amt"]
    last = row["last"]
    return CatalogueItem(
        city=require_city(row["city"]),
        med_list_codg=where,
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        chrgitm_lv=_code(ItemClass, row["chrgitm_lv"], where),
        pric_uplmt_amt=_decimal(limit, where) if limit else None,
        selfpay_prop=_decimal(row["selfpay_prop"], where, 4),
        period=Period(date.fromisoformat(row["first"]), date.fromisoformat(last) if last else None),
    )


def _rule(row: Fields) -> FilingRule:
    where = f"{_typed(row, dict, 'rule').get('kind')}"
    _require_fields(row, _RULE, {"last", "months"}, where)
    kind = _code(FilingKind, row["kind"], where)
    months = _count(row["months"], where) if "months" in row else None
    if (months is None) != kind.is_long_term or months == 0:
        raise Refusal("MEDICAL_TABLE_FORMAT", where=where)
    days = (_count(row[name], where) for name in ("backdate_days", "advance_days", "extend_days"))
    return FilingRule(kind, _period(row, where), months, *days)


def _by_key(pairs: Iterable[tuple[Key, Row]], *, gaps: bool) -> dict[Key, tuple[Row, ...]]:
    grouped: dict[Key, list[Row]] = {}
    for key, row in pairs:
        grouped.setdefault(key, []).append(row)
    return {key: in_order(rows, str(key), gaps=gaps) for key, rows in grouped.items()}


def _toml(text: str) -> Fields:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Refusal("MEDICAL_TABLE_FORMAT", where="TOML") from None


def _require_fields(row: Fields, needed: set[str], allowed: set[str], where: str) -> None:
    if not needed <= row.keys() <= needed | allowed:
        raise Refusal("MEDICAL_TABLE_FORMAT", where=where)


def _typed(value: object, kind: type[Typed], where: str) -> Typed:
    if not isinstance(value, kind):
        raise Refusal("MEDICAL_TABLE_FORMAT", where=where)
    return value


def _period(row: Fields, where: str) -> Period:
    first, last = row["first"], row.get("last")
    if not _is_day(first) or not (last is None or _is_day(last)):
        raise Refusal("MEDICAL_TABLE_FORMAT", where=where)
    return Period(first, last)


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _count(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in range(3_661):
        raise Refusal("MEDICAL_TABLE_FORMAT", where=where)
    return value


def _code(kind: type[Coded], value: object, where: str) -> Coded:
    return parse_code(kind, _typed(value, str, where))


def _optional(value: object, where: str) -> Decimal | None:
    return None if value is None else _decimal(value, where)


def _decimal(value: object, where: str, places: int = 2) -> Decimal:
    try:
        return parse_decimal(_typed(value, str, where), places=places)
    except Refusal:
        raise Refusal("MEDICAL_TABLE_AMOUNT", where=where) from None
