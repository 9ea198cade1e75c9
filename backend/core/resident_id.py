"""What people type to say who they are: identity number, mobile number, name. Pure parsing, no look-ups."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from backend.core.divisions import successor
from backend.core.errors import Refusal

_LONGEST_INPUT = 64
_OLDEST_YEARS = 150

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS: Final = "10X98765432"
_EIGHTEEN: Final = re.compile(r"[1-9][0-9]{16}[0-9X]")
_FIFTEEN: Final = re.compile(r"[A-Z]{3}[0-9]{12}")
_MOBILE: Final = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_MIDDLE_DOTS: Final = str.maketrans(dict.fromkeys("•‧∙⋅・･．●", "·"))
_NAME_SIGNS: Final = frozenset(" ·-'’.")


class IdKind(StrEnum):
    """Which document a number belongs to."""

    MAINLAND = "MAINLAND"  # 居民身份证
    HK_MO_TW = "HK_MO_TW"  # 港澳台居民居住证
    FOREIGN_OLD = "FOREIGN_OLD"  # 外国人永久居留身份证, 15 characters
    FOREIGN = "FOREIGN"  # 外国人永久居留身份证 of 2023, 18 digits


class Sex(StrEnum):
    """Sex as the number itself says it."""

    MALE = "MALE"
    FEMALE = "FEMALE"


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A well-formed identity number and what it says; the personal parts stay out of `repr`.

    `sex` is None where the number doesn't hold it (the 15-character form). `area_hint` is the division
    that the number was first given in, as it is called today: a hint, not where the person lives.
    """

    kind: IdKind
    number: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: Sex | None = field(repr=False)
    area_hint: str = field(repr=False)


def parse_id_number(text: str, *, today: date) -> IdNumber:
    """The identity number in `text`, which may hold full-width characters, spaces and a small x.

    `today` is the date in UTC+8. Raises Refusal: ID_NUMBER_FORMAT, ID_NUMBER_CHECKSUM,
    ID_NUMBER_BIRTH_DATE (the day doesn't exist, lies in the future, or over 150 years back).
    """
    number = _squeezed(text).upper()
    if _EIGHTEEN.fullmatch(number):
        return _eighteen(number, today)
    if _FIFTEEN.fullmatch(number):
        return _fifteen(number, today)
    raise Refusal("ID_NUMBER_FORMAT")


def parse_mobile(text: str) -> str:
    """The 11 digits of a mainland mobile number, without +86, spaces and hyphens; Refusal MOBILE_INVALID."""
    match = _MOBILE.fullmatch(_squeezed(text).replace("-", ""))
    if match is None:
        raise Refusal("MOBILE_INVALID")
    return match[1]


def parse_name(text: str) -> str:
    """A person's name in Unicode NFC, 2 to 50 characters; Refusal NAME_INVALID.

    Letters of any script, spaces, hyphens, apostrophes and the interpunct (·, whatever look-alike was
    typed) are allowed; digits, controls and other signs are not.
    """
    if len(text) > _LONGEST_INPUT:
        raise Refusal("NAME_INVALID")
    name = " ".join(unicodedata.normalize("NFC", text).translate(_MIDDLE_DOTS).split())
    if not 2 <= len(name) <= 50 or not all(map(_in_a_name, name)) or not _is_letter(name[0]):
        raise Refusal("NAME_INVALID")
    return name


def check_character(first_17: str) -> str:
    """The 18th character of an identity number (GB 11643: ISO 7064 MOD 11-2)."""
    total = sum(map(int.__mul__, map(int, first_17), _WEIGHTS))
    return _CHECK_CHARACTERS[total % 11]


def icao_check_digit(text: str) -> str:
    """The check digit of letters and digits by weights 7, 3, 1 (ICAO Doc 9303-3 §4.9)."""
    return str(sum(int(character, 36) * (7, 3, 1)[at % 3] for at, character in enumerate(text)) % 10)


def _eighteen(number: str, today: date) -> IdNumber:
    if check_character(number[:17]) != number[17]:
        raise Refusal("ID_NUMBER_CHECKSUM")
    birth = _date(int(number[6:10]), number[10:14])
    if birth is None or not _plausible(birth, today):
        raise Refusal("ID_NUMBER_BIRTH_DATE")
    sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    if number[0] == "9":  # 9, two digits of the province, three of the nationality (ISO 3166-1 numeric).
        return IdNumber(IdKind.FOREIGN, number, birth, sex, f"{number[1:3]}0000")
    kind = IdKind.HK_MO_TW if number[:2] in {"81", "82", "83"} else IdKind.MAINLAND
    return IdNumber(kind, number, birth, sex, successor(number[:6]))


def _fifteen(number: str, today: date) -> IdNumber:
    """Three letters of the nationality, four digits of the place, YYMMDD, a sequence digit, a check digit."""
    if icao_check_digit(number[:14]) != number[14]:
        raise Refusal("ID_NUMBER_CHECKSUM")
    candidates = (_date(century + int(number[7:9]), number[9:13]) for century in (2000, 1900))
    # Two digits leave the century open: the later of the two that isn't in the future is meant.
    birth = next((day for day in candidates if day is not None and _plausible(day, today)), None)
    if birth is None:
        raise Refusal("ID_NUMBER_BIRTH_DATE")
    return IdNumber(IdKind.FOREIGN_OLD, number, birth, None, f"{number[3:7]}00")


def _date(year: int, month_and_day: str) -> date | None:
    try:
        return date(year, int(month_and_day[:2]), int(month_and_day[2:]))
    except ValueError:
        return None


def _plausible(birth: date, today: date) -> bool:
    return birth <= today and birth.year >= today.year - _OLDEST_YEARS


def _squeezed(text: str) -> str:
    """NFKC (so that full-width becomes ASCII) without any white space; empty when far too long."""
    return "".join(unicodedata.normalize("NFKC", text).split()) if len(text) <= _LONGEST_INPUT else ""


def _in_a_name(character: str) -> bool:
    return character in _NAME_SIGNS or _is_letter(character)


def _is_letter(character: str) -> bool:
    # Planes 2 and 3 hold ideographs only; rare ones may be newer than Python's Unicode tables.
    return unicodedata.category(character)[0] in "LM" or 0x20000 <= ord(character) <= 0x3FFFD
