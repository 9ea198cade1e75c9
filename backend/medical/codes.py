"""Code sets of the national medical-insurance interface, and our own where it has none."""

from enum import StrEnum
from typing import Final, TypeVar

from backend.core.errors import Refusal

Coded = TypeVar("Coded", bound=StrEnum)


class Insutype(StrEnum):
    """Kind of insurance (险种类型)."""

    EMPLOYEE = "310"  # 职工基本医疗保险
    VETERAN_CADRE = "340"  # 离休人员医疗保障
    RESIDENT = "390"  # 城乡居民基本医疗保险


class MedType(StrEnum):
    """Kind of treatment (医疗类别)."""

    OUTPATIENT = "11"  # 普通门诊
    CHRONIC = "14"  # 门诊慢特病
    INPATIENT = "21"  # 普通住院


class CertType(StrEnum):
    """What the person showed at the desk (就诊凭证类型)."""

    E_VOUCHER = "01"  # 医保电子凭证
    ID_CARD = "02"  # 居民身份证
    SOCIAL_SECURITY_CARD = "03"  # 社会保障卡


class HospitalLevel(StrEnum):
    """Level of the hospital (医院等级); PRIMARY stands for the first level and everything below it."""

    PRIMARY = "PRIMARY"
    SECONDARY = "SECONDARY"
    TERTIARY = "TERTIARY"


class ItemClass(StrEnum):
    """Class of a catalogue item (收费项目等级)."""

    A = "01"  # 甲类: wholly in scope
    B = "02"  # 乙类: a share is paid out of pocket first
    C = "03"  # 丙类: wholly at the person's own expense


class FilingKind(StrEnum):
    """The five kinds of filing for treatment in another city (异地就医备案)."""

    RETIRED_RESETTLED = "RETIRED_RESETTLED"  # 异地安置退休
    LONG_TERM_RESIDENT = "LONG_TERM_RESIDENT"  # 异地长期居住
    POSTED_WORKER = "POSTED_WORKER"  # 常驻异地工作
    REFERRED = "REFERRED"  # 异地转诊
    TEMPORARY = "TEMPORARY"  # 其他临时外出

    @property
    def is_long_term(self) -> bool:
        """Whether such a filing is valid until cancelled."""
        return self not in {FilingKind.REFERRED, FilingKind.TEMPORARY}


class Basis(StrEnum):
    """On what footing a treatment is settled: at home, under a filing of some kind, or without one."""

    LOCAL = "LOCAL"
    RETIRED_RESETTLED = "RETIRED_RESETTLED"
    LONG_TERM_RESIDENT = "LONG_TERM_RESIDENT"
    POSTED_WORKER = "POSTED_WORKER"
    REFERRED = "REFERRED"
    TEMPORARY = "TEMPORARY"
    UNFILED = "UNFILED"


class AidCategory(StrEnum):
    """Who may have medical aid (医疗救助对象)."""

    EXTREME_POVERTY = "EXTREME_POVERTY"  # 特困人员
    MINIMUM_LIVING = "MINIMUM_LIVING"  # 最低生活保障对象
    LOW_INCOME = "LOW_INCOME"  # 低保边缘家庭成员


FUNDS: Final = (
    "hifp_pay",  # 基本医疗统筹基金
    "cvlserv_pay",  # 公务员医疗补助
    "hifes_pay",  # 企业补充医疗保险
    "hifmi_pay",  # 居民大病保险
    "hifob_pay",  # 职工大额医疗费用补助
    "maf_pay",  # 医疗救助基金
    "oth_pay",  # 其他
)
"""The funds of a settlement record; `fund_pay_sumamt` is their sum."""


def parse_code(kind: type[Coded], text: str) -> Coded:
    """The member of the code set with this code; MEDICAL_CODE_UNKNOWN when there is none."""
    try:
        return kind(text)
    except ValueError:
        raise Refusal("MEDICAL_CODE_UNKNOWN", kind=kind.__name__) from None
