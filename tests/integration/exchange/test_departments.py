"""What the sandbox's departments do, over HTTP: settlement, migration, transfers, idempotency, faults."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx2
import pytest

from backend.core.clock import CHINA
from backend.core.ids import new_id
from backend.exchange.department_api.operations import Kind
from backend.exchange.message_signatures import SignatureFault, SignedRequest, sign_request
from backend.exchange.sandbox.departments.department import exchange_signer
from backend.exchange.sandbox.departments.world import CHEN, CHEN_JUNIOR, ZHOU
from backend.exchange.sandbox.population import family_of, person
from tests.departments import HEADERS, DepartmentCaller
from tests.sandbox import Sandbox, running_sandbox

CHANGSHA, ZHUZHOU, XIANGTAN = "430100", "430200", "430300"
MEDICAL, SOCIAL, EDUCATION, POLICE = (
    Kind.MEDICAL_INSURANCE,
    Kind.SOCIAL_SECURITY,
    Kind.EDUCATION,
    Kind.PUBLIC_SECURITY,
)
Reach = Callable[[str, Kind], DepartmentCaller]
FEES = {
    "medfee_sumamt": "20000.00",
    "fulamt_ownpay_amt": "1800.00",
    "overlmt_selfpay": "200.00",
    "preselfpay_amt": "1050.00",
    "inscp_scp_amt": "16950.00",
}


@pytest.fixture(scope="module")
def server(mongo: str) -> Iterator[Sandbox]:
    with running_sandbox(mongo, "tongyu_sandbox_rules") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    server.reset()
    return server


@pytest.fixture
def reach(sandbox: Sandbox) -> Iterator[Reach]:
    """A caller of a city's department; its answers' signatures and schemas are checked on the way."""
    listing = sandbox.departments()
    with ExitStack() as stack:
        yield lambda city, kind: stack.enter_context(
            closing(DepartmentCaller(sandbox.url, listing, city, kind))
        )


def today() -> date:
    """The day in China."""
    return datetime.now(CHINA).date()


def bill(visit: str = "visit-1", certno: str = ZHOU, **changes) -> dict:
    return {
        "person": {"certno": certno},
        "mdtrt_id": visit,
        "mdtrt_cert_type": "01",
        "med_type": "21",
        "fixmedins_code": "H43010000001",
        "hosp_lv": "TERTIARY",
        "mdtrtarea_admdvs": CHANGSHA,
        "setl_date": today().isoformat(),
        "acct_used_flag": "1",
        "fees": FEES,
    } | changes


def file_for(home: DepartmentCaller, certno: str = ZHOU) -> str:
    day = today()
    filing = {
        "person": {"certno": certno},
        "filing_type": "TEMPORARY",
        "rloc_admdvs": CHANGSHA,
        "begndate": (day - timedelta(3)).isoformat(),
        "enddate": (day + timedelta(100)).isoformat(),
    }
    status, filed = home.call("createFiling", filing)
    assert status == 201
    return filed["trt_dcla_detl_sn"]


def test_the_worked_example_settles_to_the_cent(reach: Reach):
    home = reach(XIANGTAN, MEDICAL)
    number = file_for(home)

    status, settled = home.call("settle", bill())

    assert status == 201
    assert settled["trt_dcla_detl_sn"] == number
    shown = ("act_pay_dedc", "hifp_pay", "psn_part_amt", "acct_pay", "psn_cash_pay", "balc")
    assert [settled[name] for name in shown] == [
        "1000.00",
        "13557.50",
        "6442.50",
        "2310.00",
        "4132.50",
        "0.00",
    ]


def test_without_a_filing_the_ratio_is_lower(reach: Reach):
    _, shown = reach(XIANGTAN, MEDICAL).call("preSettle", bill())
    assert (shown["fund_pay_sumamt"], shown["psn_part_amt"]) == ("11165.00", "8835.00")
    assert "trt_dcla_detl_sn" not in shown


def test_one_key_settles_once_however_often_it_comes(reach: Reach):
    home, key = reach(XIANGTAN, MEDICAL), new_id()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: home.call("settle", bill(), key=key), range(4)))

    assert {status for status, _ in answers} == {201}
    assert len({answer["setl_id"] for _, answer in answers}) == 1
    assert len(home.call("querySettlements", {"person": {"certno": ZHOU}})[1]["items"]) == 1


def test_a_used_key_for_something_else_is_refused(reach: Reach):
    home, key = reach(XIANGTAN, MEDICAL), new_id()
    home.call("settle", bill(), key=key)
    status, problem = home.call("settle", bill("visit-2"), key=key)
    assert (status, problem["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_visit_settles_once(reach: Reach):
    home = reach(XIANGTAN, MEDICAL)
    home.call("settle", bill())
    assert home.call("settle", bill())[1]["code"] == "VISIT_SETTLED"


def test_a_reversal_brings_every_sum_back_to_zero(reach: Reach):
    home = reach(XIANGTAN, MEDICAL)
    person = {"person": {"certno": ZHOU}}
    before = home.call("queryInsuredPerson", person)[1]
    _, settled = home.call("settle", bill())
    status, reversal = home.call("reverseSettlement", {"rea": "费用有误"}, setl_id=settled["setl_id"])

    assert status == 201
    assert reversal["init_setl_id"] == settled["setl_id"]
    for name in ("medfee_sumamt", "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay"):
        assert Decimal(settled[name]) + Decimal(reversal[name]) == 0
    after = home.call("queryInsuredPerson", person)[1]
    for name in ("balc", "out_this_year", "dedc_this_year", "hifp_this_year"):
        assert after[name] == before[name]
    totals = [
        row
        for day in (today() - timedelta(1), today())  # It may be midnight.
        for row in home.call("queryDailyTotals", {"stmt_date": day.isoformat()})[1]["as_home"]
    ]
    assert [(row["setl_cnt"], row["medfee_sumamt"], row["acct_pay"]) for row in totals] == [
        (2, "0.00", "0.00")
    ]
    again = home.call("reverseSettlement", {"rea": "费用有误"}, setl_id=settled["setl_id"])
    assert again[1]["code"] == "SETTLEMENT_REVERSED"


AMOUNTS = dict.fromkeys(
    ("act_pay_dedc", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay"), "0.00"
) | {
    "hosp_part_amt": "0.00",
    "hifp_pay": "13000.00",
    "fund_pay_sumamt": "13000.00",
    "psn_part_amt": "7000.00",
    "acct_pay": "2000.00",
    "psn_cash_pay": "5000.00",
    "pool_prop_selfpay": "0.8500",
}


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, (201, None)),
        ({"psn_cash_pay": "5000.01"}, (422, "AMOUNTS_DO_NOT_ADD_UP")),
        ({"fund_pay_sumamt": "13000.01", "psn_part_amt": "6999.99"}, (422, "AMOUNTS_DO_NOT_ADD_UP")),
        ({"acct_pay": "2310.01", "psn_cash_pay": "4689.99"}, (409, "AMOUNTS_DIFFER")),
    ],
)
def test_amounts_that_were_shown_are_settled_only_when_they_hold(reach: Reach, changes, answer):
    status, content = reach(XIANGTAN, MEDICAL).call("settle", bill(amounts=AMOUNTS | changes))
    assert (status, content.get("code")) == answer


def test_the_last_place_is_given_once(reach: Reach):
    hospital = reach(CHANGSHA, MEDICAL)
    day = today() + timedelta(2)
    wanted = {"fixmedins_code": "H43010000001", "begin": day.isoformat(), "end": day.isoformat()}
    hours = [hour for hour in hospital.call("querySlots", wanted)[1]["items"] if hour["free"]]
    slot = min(hours, key=lambda hour: hour["free"])
    people = [person(index).id_number for index in range(slot["free"] + 2)]
    with ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(lambda certno: _book(hospital, certno, slot["slot_id"]), people))

    assert sorted(codes, key=str).count("SLOT_FULL") == 2
    assert codes.count(None) == slot["free"]


def _book(hospital: DepartmentCaller, certno: str, slot_id: str) -> str | None:
    return hospital.call("bookAppointment", {"person": {"certno": certno}, "slot_id": slot_id})[1].get("code")


def status_of(reach: Reach, city: str, id_number: str) -> str | None:
    _, found = reach(city, POLICE).call("queryRegistration", {"person": {"id_number": id_number}})
    return found.get("status") if "household_no" in found else None


PLAN = {
    "applicant": CHEN,
    "persons": [CHEN, CHEN_JUNIOR],
    "origin": "430102",
    "destination": "430302",
    "address": "雨湖区示范路2号",
    "reason": "WORK",
}


class Move:
    """A migration from Changsha to Xiangtan, a step at a time."""

    def __init__(self, reach: Reach, plan: dict = PLAN) -> None:
        self.old, self.new = reach(CHANGSHA, POLICE), reach(XIANGTAN, POLICE)
        self.plan, self.id = plan, new_id()

    def permit(self) -> dict:
        self.new.call("applyForMigration", self.plan, migration_id=self.id)
        self.new.call("acceptMigration", {}, migration_id=self.id)
        return self.new.call("issueMigrationPermit", {"valid_days": 40}, migration_id=self.id)[1]

    def deregister(self, permit: dict) -> tuple[int, dict]:
        body = {"plan": self.plan} | {name: permit[name] for name in ("permit_no", "permit_valid_to")}
        return self.old.call("deregisterForMigration", body, migration_id=self.id)

    def arrive(self, handed: dict) -> dict:
        body = {"certificate_no": handed["certificate_no"], "people": handed["people"]}
        return self.new.call("confirmArrival", body, migration_id=self.id)[1]

    def close(self, handed: dict, arrived: dict) -> dict:
        body = {"certificate_no": handed["certificate_no"], "household_no": arrived["household_no"]}
        return self.old.call("confirmArrival", body, migration_id=self.id)[1]

    def roll_back(self, department: DepartmentCaller) -> tuple[int, dict]:
        return department.call("rollBackMigration", {"reason": "撤回"}, migration_id=self.id)


def test_at_every_step_of_a_migration_one_registry_has_the_person(reach: Reach):
    move = Move(reach)

    def registries():
        return status_of(reach, CHANGSHA, CHEN), status_of(reach, XIANGTAN, CHEN)

    assert registries() == ("ACTIVE", None)
    permit = move.permit()
    assert registries() == ("ACTIVE", None)
    _, handed = move.deregister(permit)
    assert registries() == ("HELD", None)
    arrived = move.arrive(handed)
    assert registries() == ("HELD", "ACTIVE")
    assert move.close(handed, arrived)["status"] == "ARRIVED"
    assert registries() == ("MIGRATED_OUT", "ACTIVE")
    _, book = reach(XIANGTAN, POLICE).call("queryHousehold", {"person": {"id_number": CHEN_JUNIOR}})
    relations = {member["id_number"]: member["relation"] for member in book["members"]}
    assert relations == {CHEN: "02", CHEN_JUNIOR: "20"}
    assert reach(CHANGSHA, POLICE).call("queryHousehold", {"person": {"id_number": CHEN}})[0] == 422


def test_who_moves_without_the_head_is_head_of_a_household_of_their_own(reach: Reach):
    move = Move(reach, PLAN | {"applicant": CHEN_JUNIOR, "persons": [CHEN_JUNIOR]})
    _, handed = move.deregister(move.permit())
    arrived = move.arrive(handed)
    move.close(handed, arrived)
    _, new = move.new.call("queryHousehold", {"person": {"id_number": CHEN_JUNIOR}})
    _, old = move.old.call("queryHousehold", {"person": {"id_number": CHEN}})
    assert (new["head_id_number"], old["head_id_number"]) == (CHEN_JUNIOR, CHEN)
    assert [member["status"] for member in old["members"]] == ["ACTIVE", "MIGRATED_OUT"]


def test_when_the_head_moves_the_spouse_becomes_head(reach: Reach):
    head, spouse, child, *_ = family_of(12).members  # Head, spouse, two children.
    place = head.district
    plan = PLAN | {"applicant": head.id_number, "persons": [head.id_number], "origin": place}
    plan["destination"] = "430302" if head.city != XIANGTAN else "430102"
    old, new = reach(head.city, POLICE), reach(f"{plan['destination'][:4]}00", POLICE)
    move = Move(reach, plan)
    move.old, move.new = old, new
    _, handed = move.deregister(move.permit())
    move.close(handed, move.arrive(handed))
    _, book = old.call("queryHousehold", {"person": {"id_number": child.id_number}})
    heads = [m["id_number"] for m in book["members"] if m["relation"] == "02" and m["status"] == "ACTIVE"]
    assert (book["head_id_number"], heads) == (spouse.id_number, [spouse.id_number])


def test_a_rollback_after_deregistration_makes_everything_as_before(reach: Reach):
    move = Move(reach)
    before = move.old.call("queryHousehold", {"person": {"id_number": CHEN}})[1]["members"]
    move.deregister(move.permit())
    assert move.roll_back(move.old)[1]["status"] == "ROLLED_BACK"
    assert move.roll_back(move.new)[1]["status"] == "ROLLED_BACK"
    assert move.old.call("queryHousehold", {"person": {"id_number": CHEN}})[1]["members"] == before
    assert Move(reach).permit()["status"] == "PERMITTED"


def test_after_the_arrival_there_is_no_way_back(reach: Reach):
    move = Move(reach)
    _, handed = move.deregister(move.permit())
    move.arrive(handed)
    assert move.roll_back(move.new)[1]["code"] == "ARRIVAL_CONFIRMED"


def test_a_second_migration_of_the_same_person_is_stopped(reach: Reach):
    first, second = Move(reach), Move(reach)
    first.deregister(first.permit())
    _, problem = second.new.call("applyForMigration", PLAN, migration_id=second.id)
    assert problem["code"] == "PERSON_HELD"
    elsewhere = {"plan": PLAN | {"destination": "430202"}, "permit_no": "p", "permit_valid_to": "2099-01-01"}
    _, problem = second.old.call("deregisterForMigration", elsewhere, migration_id=second.id)
    assert problem["code"] == "PERSON_HELD"


def test_a_step_that_comes_late_for_a_rolled_back_migration_can_not_begin_it(reach: Reach):
    move = Move(reach)
    permit = move.permit()
    assert move.roll_back(move.old)[0] == 404
    assert move.deregister(permit)[1]["code"] == "MIGRATION_EXISTS"
    assert status_of(reach, CHANGSHA, CHEN) == "ACTIVE"


def test_an_office_that_is_not_responsible_refuses(reach: Reach):
    status, problem = reach(ZHUZHOU, POLICE).call("applyForMigration", PLAN, migration_id=new_id())
    assert (status, problem["code"]) == (403, "NOT_RESPONSIBLE")


def test_a_child_is_not_left_alone(reach: Reach):
    move = Move(reach, PLAN | {"persons": [CHEN]})
    assert move.deregister(move.permit())[1]["code"] == "MINORS_LEFT_ALONE"
    assert status_of(reach, CHANGSHA, CHEN) == "ACTIVE"


def test_a_newborn_joins_the_household_and_can_be_insured(reach: Reach):
    police = reach(CHANGSHA, POLICE)
    birth = {
        "birth_certificate_no": "T430000009",
        "name": "陈新",
        "sex": "2",
        "born_at": (datetime.now(UTC) - timedelta(3)).isoformat(),
        "born_in": "430102",
        "ethnic": "01",
        "mother": {"id_number": ZHOU},
        "father": {"id_number": CHEN},
        "household_of": CHEN,
    }
    status, registered = police.call("registerBirth", birth)
    assert status == 201
    assert police.call("registerBirth", birth)[1]["code"] == "BIRTH_REGISTERED"
    wards = police.call("queryWards", {"person": {"id_number": CHEN}})[1]["items"]
    assert [ward["id_number"] for ward in wards] == [CHEN_JUNIOR, registered["id_number"]]
    newborn = {"certno": registered["id_number"], "psn_name": "陈新"}
    enrolment = {"person": newborn, "insutype": "390", "psn_insu_date": "2026-01-01"}
    medical = reach(CHANGSHA, MEDICAL)
    assert medical.call("enrolInsured", enrolment)[0] == 201
    assert medical.call("queryInsuredPerson", {"person": newborn})[1]["psn_name"] == "陈新"


def test_a_pension_moves_from_one_city_to_the_other(reach: Reach):
    old, new = reach(CHANGSHA, SOCIAL), reach(XIANGTAN, SOCIAL)
    person, case = {"id_number": CHEN}, new_id()
    account = old.call("queryPensionAccount", {"person": person})[1]
    places = {"from_admdvs": CHANGSHA, "to_admdvs": XIANGTAN}
    opening = {"transfer_id": case, "person": person, **places}
    for department in (new, old):
        assert department.call("applyPensionTransfer", opening)[0] == 201
        assert department.call("sendContactLetter", {"letter_no": "l-1"}, transfer_id=case)[0] == 200
    form = old.call("sendStatement", {"letter_no": "l-1"}, transfer_id=case)[1]["statement"]
    merged = new.call("mergePension", {"statement": form}, transfer_id=case)[1]

    assert merged["status"] == "MERGED"
    assert (form["months_paid"], form["account_amt"]) == (account["months_paid"], account["account_amt"])
    assert old.call("queryInsuredPerson", {"person": person})[1]["insurances"] == []


def test_a_student_moves_when_all_four_parties_agree(reach: Reach):
    sending, receiving = reach(CHANGSHA, EDUCATION), reach(XIANGTAN, EDUCATION)
    child, move = {"id_number": CHEN_JUNIOR}, new_id()
    here = sending.call("queryStudent", {"person": child})[1]
    opening = {
        "transfer_id": move,
        "child": child,
        "from_school": here["school_code"],
        "to_school": "4303020001",
        "from_admdvs": CHANGSHA,
        "to_admdvs": XIANGTAN,
        "grade": here["grade"],
        "reason": "随父母工作调动",
        "guardian": {"id_number": CHEN, "name": "陈明远", "relation": "02"},
    }
    early = {"party": "SENDING_SCHOOL", "decision": "ACCEPTED", "decided_at": "2026-11-20T10:00:00+08:00"}
    for bureau in (receiving, sending):
        assert bureau.call("openTransfer", opening)[0] == 201
        assert bureau.call("decideTransfer", early, transfer_id=move)[1]["code"] == "NOT_THIS_PARTYS_TURN"
        for party in ("RECEIVING_SCHOOL", "SENDING_SCHOOL", "SENDING_BUREAU", "RECEIVING_BUREAU"):
            decided = bureau.call("decideTransfer", early | {"party": party}, transfer_id=move)[1]
        assert decided["status"] == "APPROVED"
    for bureau in (receiving, sending):
        assert bureau.call("completeTransfer", {}, transfer_id=move)[1]["status"] == "COMPLETED"
    assert receiving.call("queryStudent", {"person": child})[1]["school_code"] == "4303020001"
    assert sending.call("queryStudent", {"person": child})[1]["status"] == "TRANSFERRED_OUT"


def test_a_lost_answer_after_the_commit_changes_once(sandbox: Sandbox, reach: Reach):
    home, key = reach(XIANGTAN, MEDICAL), new_id()
    sandbox.fault(f"{XIANGTAN}/{MEDICAL}", "DROP")
    with pytest.raises(httpx2.TransportError):
        home.call("settle", bill(), key=key)
    status, settled = home.call("settle", bill(), key=key)
    assert status == 201
    settlements = home.call("querySettlements", {"person": {"certno": ZHOU}})[1]["items"]
    assert [one["setl_id"] for one in settlements] == [settled["setl_id"]]


def test_a_message_delivered_twice_changes_once(sandbox: Sandbox, reach: Reach):
    home = reach(XIANGTAN, MEDICAL)
    sandbox.fault(f"{XIANGTAN}/{MEDICAL}", "DUPLICATE")
    assert home.call("settle", bill())[0] == 201
    assert len(home.call("querySettlements", {"person": {"certno": ZHOU}})[1]["items"]) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("BAD_SIGNATURE", SignatureFault),
        ("UNSIGNED", SignatureFault),
        ("MALFORMED", SignatureFault),
        ("DOWN", SignatureFault),
        ("ERROR", SignatureFault),
        ("WRONG_SHAPE", AssertionError),
    ],
)
def test_a_fault_of_one_department_is_seen_and_spares_the_next(sandbox, reach, kind, error):
    asked = {"person": {"id_number": CHEN}}
    sandbox.fault(f"{CHANGSHA}/{SOCIAL}", kind)
    with pytest.raises(error):
        reach(CHANGSHA, SOCIAL).call("queryInsuredPerson", asked)
    assert reach(CHANGSHA, POLICE).call("queryHousehold", asked)[0] == 200
    assert reach(CHANGSHA, SOCIAL).call("queryInsuredPerson", asked)[0] == 200


def test_a_refusal_on_demand_is_signed_and_coded(sandbox: Sandbox, reach: Reach):
    sandbox.fault(f"{CHANGSHA}/{SOCIAL}", "CODE", code="DEPARTMENT_UNAVAILABLE")
    status, problem = reach(CHANGSHA, SOCIAL).call("queryCard", {"person": {"id_number": CHEN}})
    assert (status, problem["code"]) == (503, "DEPARTMENT_UNAVAILABLE")


def test_a_request_seen_before_is_refused(sandbox: Sandbox):
    url = f"{sandbox.url}/departments/{CHANGSHA}/{SOCIAL}/v1/cards/query"
    headers = HEADERS | {"Content-Type": "application/json", "X-Request-Id": new_id()}
    content = b'{"person":{"id_number":"430102199003074515"}}'
    request = SignedRequest("POST", url, headers, content)
    headers |= sign_request(request, exchange_signer(), datetime.now(UTC))
    with httpx2.Client(trust_env=False) as client:
        first, second = (client.post(url, content=content, headers=headers) for _ in range(2))
    assert first.status_code in {200, 422}
    assert (second.status_code, second.json()["code"]) == (401, "SIGNATURE_REPLAYED")


def test_a_person_under_another_name_is_unknown(reach: Reach):
    wrong = {"person": {"id_number": CHEN, "name": "周晓雯"}}
    for kind, operation in ((SOCIAL, "queryCard"), (POLICE, "queryHousehold"), (EDUCATION, "queryDiplomas")):
        assert reach(CHANGSHA, kind).call(operation, wrong)[1]["code"] == "PERSON_UNKNOWN"


def test_a_list_is_read_page_by_page(reach: Reach):
    department = reach(CHANGSHA, SOCIAL)
    asked = {"person": {"id_number": CHEN}, "begin": "202001", "end": "202512"}
    whole = department.call("queryContributions", asked | {"page": {"limit": 100}})[1]["items"]
    first = department.call("queryContributions", asked | {"page": {"limit": 40}})[1]
    rest = department.call(
        "queryContributions", asked | {"page": {"limit": 60, "cursor": first["next_cursor"]}}
    )[1]
    assert first["items"] + rest["items"] == whole
