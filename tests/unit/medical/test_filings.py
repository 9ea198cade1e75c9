"""Who may file, extend and cancel when; what a filing covers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import Refusal
from backend.medical.codes import Basis, FilingKind, Insutype
from backend.medical.filings import cancel, extend, file, rule_for
from backend.medical.loading import tables
from backend.medical.periods import Period, add_months
from tests.unit.medical.builders import CHANGSHA, XIANGTAN, ZHUZHOU, application, filing

RULES = tables().filing_rules
TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
TEMPORARY = (FilingKind.REFERRED, FilingKind.TEMPORARY)
LONG_TERM = tuple(kind for kind in FilingKind if kind not in TEMPORARY)


def filed(*existing, now=NOW, rules=RULES, **changes):
    """Files on 2 March 2026 unless told otherwise."""
    return file(application(**changes), id="new", now=now, existing=existing, rules=rules)


def code_of(refused) -> str:
    """The refusal's code, once both its sentences have been made."""
    assert refused.value.message("en") != refused.value.message("zh-CN")
    return refused.value.code


@pytest.mark.parametrize("kind", LONG_TERM)
def test_a_long_term_filing_is_valid_until_cancelled(kind):
    made = filed(kind=kind)
    assert made.enddate is None
    assert made.is_valid_on(date(2060, 1, 1))
    assert not made.is_valid_on(TODAY - timedelta(days=1))
    assert (made.basis, made.filed_at) == (Basis(kind.value), NOW)


@pytest.mark.parametrize("kind", TEMPORARY)
def test_a_temporary_filing_lasts_six_months(kind):
    made = filed(kind=kind)
    assert made.enddate == date(2026, 9, 1)
    assert (made.vali_flag(date(2026, 9, 1)), made.vali_flag(date(2026, 9, 2))) == ("1", "0")


def test_the_day_of_filing_is_the_day_in_china():
    late = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)  # Midnight of 2 March in UTC+8.
    assert filed(kind=FilingKind.POSTED_WORKER, now=late).begndate == TODAY
    with pytest.raises(Refusal) as refused:
        filed(kind=FilingKind.POSTED_WORKER, now=late, begndate=date(2026, 3, 1))
    assert code_of(refused) == "MEDICAL_FILING_BACKDATED"


@pytest.mark.parametrize(
    ("kind", "back"),
    [(FilingKind.REFERRED, 30), (FilingKind.TEMPORARY, 7), *((kind, 0) for kind in LONG_TERM)],
)
def test_a_filing_may_be_backdated_as_far_as_its_kind_allows(kind, back):
    begin = TODAY - timedelta(days=back)
    assert filed(kind=kind, begndate=begin).begndate == begin
    with pytest.raises(Refusal) as refused:
        filed(kind=kind, begndate=begin - timedelta(days=1))
    assert code_of(refused) == "MEDICAL_FILING_BACKDATED"


@pytest.mark.parametrize("kind", FilingKind)
def test_a_filing_may_begin_up_to_thirty_days_ahead(kind):
    begin = TODAY + timedelta(days=30)
    made = filed(kind=kind, begndate=begin)
    assert (made.is_valid_on(TODAY), made.vali_flag(TODAY)) == (False, "1")
    with pytest.raises(Refusal) as refused:
        filed(kind=kind, begndate=begin + timedelta(days=1))
    assert code_of(refused) == "MEDICAL_FILING_TOO_EARLY"


def test_a_filing_that_would_have_ended_already_is_refused():
    rules = [replace(rule_for(FilingKind.REFERRED, TODAY, RULES), months=1, backdate_days=60)]
    with pytest.raises(Refusal) as refused:
        filed(begndate=date(2026, 2, 1), rules=rules)
    assert code_of(refused) == "MEDICAL_FILING_ENDED"
    assert filed(begndate=date(2026, 2, 3), rules=rules).enddate == TODAY + timedelta(days=0)


def test_without_a_rule_in_force_nothing_is_filed():
    with pytest.raises(Refusal) as refused:
        filed(now=datetime(2020, 1, 1, tzinfo=UTC))
    assert code_of(refused) == "MEDICAL_FILING_RULE_NONE"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rloc_admdvs": "430304"}, "MEDICAL_FILING_SAME_CITY"),
        ({"rloc_admdvs": "110000"}, "MEDICAL_PLACE_UNKNOWN"),
        ({"insu_admdvs": "x" * 1000}, "MEDICAL_PLACE_UNKNOWN"),
        ({"psn_no": ""}, "MEDICAL_ID_INVALID"),
        ({"psn_no": "p1\n"}, "MEDICAL_ID_INVALID"),
        ({"psn_no": "'; drop"}, "MEDICAL_ID_INVALID"),
        ({"memo": "长" * 501}, "MEDICAL_TEXT_TOO_LONG"),
        ({"rloc_hsorg_name": "x" * 501}, "MEDICAL_TEXT_TOO_LONG"),
    ],
)
def test_a_hostile_application_is_refused_with_a_code(changes, code):
    with pytest.raises(Refusal) as refused:
        application(**changes)
    assert code_of(refused) == code


def test_a_memo_may_have_five_hundred_characters():
    assert len(application(memo="长" * 500).memo) == 500


def test_a_second_filing_to_the_same_city_may_not_overlap():
    standing = filing(begndate=date(2026, 1, 1), enddate=date(2026, 3, 10))
    with pytest.raises(Refusal) as refused:
        filed(standing, rloc_admdvs="430103", begndate=date(2026, 3, 10))
    assert code_of(refused) == "MEDICAL_FILING_OVERLAP"
    assert filed(standing, begndate=date(2026, 3, 11)).begndate == date(2026, 3, 11)


@pytest.mark.parametrize(
    "harmless",
    [
        {"rloc_admdvs": ZHUZHOU},
        {"psn_no": "p2"},
        {"insutype": Insutype.RESIDENT},
        {"cancelled_from": TODAY},
        {"cancelled_from": date(2025, 12, 1)},
    ],
)
def test_filings_to_elsewhere_of_others_or_cancelled_ones_don_t_stand_in_the_way(harmless):
    assert filed(filing(**harmless)).id == "new"


def test_nobody_lives_in_two_cities_at_once():
    at_zhuzhou = filing(kind=FilingKind.POSTED_WORKER, rloc_admdvs=ZHUZHOU, enddate=None)
    with pytest.raises(Refusal) as refused:
        filed(at_zhuzhou, kind=FilingKind.LONG_TERM_RESIDENT, rloc_admdvs=CHANGSHA)
    assert code_of(refused) == "MEDICAL_FILING_OVERLAP"
    assert filed(at_zhuzhou, kind=FilingKind.TEMPORARY, rloc_admdvs=CHANGSHA).id == "new"


def test_a_cancelled_filing_covers_what_was_treated_before():
    left = cancel(filing(), today=TODAY)
    assert left.is_valid_on(TODAY - timedelta(days=1))
    assert not left.is_valid_on(TODAY)
    assert (left.vali_flag(TODAY), left.enddate) == ("0", filing().enddate)


def test_a_filing_cancelled_before_it_begins_never_holds():
    to_come = filing(begndate=date(2026, 4, 1), enddate=date(2026, 9, 30))
    left = cancel(to_come, today=TODAY)
    assert not any(left.is_valid_on(TODAY + timedelta(days=n)) for n in range(300))
    assert left.vali_flag(date(2026, 1, 1)) == "0"
    assert filed(left, begndate=date(2026, 4, 1)).id == "new"


@pytest.mark.parametrize("over", [{"cancelled_from": date(2026, 2, 1)}, {"enddate": date(2026, 3, 1)}])
def test_what_is_over_can_be_neither_cancelled_nor_extended(over):
    for act in (
        lambda one: cancel(one, today=TODAY),
        lambda one: extend(one, today=TODAY, existing=(), rules=RULES),
    ):
        with pytest.raises(Refusal) as refused:
            act(filing(**over))
        assert code_of(refused) == "MEDICAL_FILING_OVER"


def test_a_temporary_filing_is_extended_from_its_last_day_on():
    ending = filing(enddate=date(2026, 3, 31))
    extended = extend(ending, today=date(2026, 3, 1), existing=[ending], rules=RULES)
    assert (extended.begndate, extended.enddate) == (ending.begndate, date(2026, 9, 30))
    assert (extended.extensions, extended.id) == (1, "f1")


def test_an_extension_opens_thirty_days_before_the_end():
    ending = filing(enddate=date(2026, 4, 2))
    with pytest.raises(Refusal) as refused:
        extend(ending, today=TODAY, existing=(), rules=RULES)
    assert code_of(refused) == "MEDICAL_FILING_EXTEND_EARLY"
    assert refused.value.params == {"day": "2026-03-03"}
    assert extend(ending, today=date(2026, 3, 3), existing=(), rules=RULES).extensions == 1


def test_an_extension_may_not_run_into_the_next_filing():
    ending, following = filing(enddate=date(2026, 3, 31)), filing(id="f2", begndate=date(2026, 4, 1))
    with pytest.raises(Refusal) as refused:
        extend(ending, today=TODAY, existing=[ending, following], rules=RULES)
    assert code_of(refused) == "MEDICAL_FILING_OVERLAP"


def test_a_long_term_filing_needs_no_extension():
    with pytest.raises(Refusal) as refused:
        extend(filing(kind=FilingKind.POSTED_WORKER, enddate=None), today=TODAY, existing=(), rules=RULES)
    assert code_of(refused) == "MEDICAL_FILING_LONG_TERM"


@pytest.mark.parametrize(
    ("day", "months", "after"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 6, 30), 6, date(2026, 12, 30)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 1), 12, date(2027, 1, 1)),
        (date(2026, 11, 5), 1, date(2026, 12, 5)),
    ],
)
def test_months_are_counted_to_the_same_day_or_the_month_s_last(day, months, after):
    assert add_months(day, months) == after


@given(
    st.lists(
        st.tuples(
            st.sampled_from([CHANGSHA, ZHUZHOU]),
            st.sampled_from(FilingKind),
            st.integers(-30, 30),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_however_people_file_a_treatment_has_at_most_one_filing_and_one_long_term_home(wishes):
    kept = []
    for number, (place, kind, offset, cancels) in enumerate(wishes):
        begin = TODAY + timedelta(days=offset)
        try:
            one = file(
                application(kind=kind, rloc_admdvs=place, begndate=begin),
                id=f"f{number}",
                now=NOW,
                existing=kept,
                rules=RULES,
            )
        except Refusal:
            continue
        kept.append(cancel(one, today=TODAY) if cancels else one)
    for day in (TODAY + timedelta(days=n) for n in range(-40, 260)):
        holding = [one for one in kept if one.is_valid_on(day)]
        places = [one.destination for one in holding]
        assert len(places) == len(set(places))
        assert sum(one.kind.is_long_term for one in holding) <= 1


def test_personal_fields_stay_out_of_the_repr():
    shown = repr(filing(memo="糖尿病", rloc_rea="转诊"))
    for personal in ("李明", "430302198811053022", "13800000000", "糖尿病", "转诊", "p1"):
        assert personal not in shown
    assert XIANGTAN in shown


def test_a_rule_has_its_dates():
    early, late = (Period(date(2024, 1, 1), date(2025, 12, 31)), Period(date(2026, 1, 1)))
    rule = rule_for(FilingKind.REFERRED, TODAY, RULES)
    rules = [replace(rule, period=early, months=3), replace(rule, period=late, months=12)]
    assert rule_for(FilingKind.REFERRED, date(2025, 12, 31), rules).months == 3
    assert rule_for(FilingKind.REFERRED, date(2026, 1, 1), rules).months == 12
