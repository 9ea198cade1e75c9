"""Operations of the medical-insurance departments (医保)."""

from collections.abc import Mapping
from typing import Final

from backend.exchange.sandbox.departments import care, filings, medical_people, settlements
from backend.exchange.sandbox.departments.call import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    "queryInsuredPerson": medical_people.insured_person,
    "enrolInsured": medical_people.enrol,
    "queryContributions": medical_people.contributions,
    "queryFilings": filings.query,
    "createFiling": filings.create,
    "extendFiling": filings.extend,
    "cancelFiling": filings.cancel,
    "preSettle": settlements.presettle,
    "settle": settlements.settle,
    "querySettlements": settlements.query,
    "reverseSettlement": settlements.reverse,
    "recordTreatment": settlements.record_treatment,
    "queryDailyTotals": settlements.daily_totals,
    "queryHospitals": care.list_hospitals,
    "querySlots": care.slots,
    "queryAppointments": care.appointments,
    "bookAppointment": care.book,
    "cancelAppointment": care.cancel,
    "queryVaccinations": care.vaccinations,
    "queryReferrals": care.referrals,
}
