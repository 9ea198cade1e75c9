"""Operations of the social-security departments (人社)."""

from collections.abc import Mapping
from typing import Final

from backend.exchange.sandbox.departments import insurances, pension_transfer
from backend.exchange.sandbox.departments.call import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    "queryInsuredPerson": insurances.insured_person,
    "queryContributions": insurances.contributions,
    "queryPensionAccount": insurances.pension_account,
    "queryCard": insurances.card,
    "applyPensionTransfer": pension_transfer.apply,
    "queryPensionTransfer": pension_transfer.query,
    "sendContactLetter": pension_transfer.letter,
    "sendStatement": pension_transfer.statement,
    "mergePension": pension_transfer.merge,
    "refusePensionTransfer": pension_transfer.refuse,
}
