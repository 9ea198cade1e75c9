"""Transfer of the pension relation between two social-security departments (养老保险关系转移)."""

from typing import Final

from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.insurances import jobs_here, statement_of
from backend.exchange.sandbox.departments.money import yuan
from backend.exchange.sandbox.departments.months import month_of

_OPEN: Final = {"APPLIED", "LETTER_SENT", "STATEMENT_SENT"}


def apply(call: Call) -> Body:
    """Opens a transfer, at the new place or at the old one."""
    facts = call.facts()
    old, new = call.body["from_admdvs"], call.body["to_admdvs"]
    transfer_id = call.body["transfer_id"]
    if old == new:
        raise Problem(422, "TRANSFER_SAME_CITY")
    if call.department.city not in {old, new}:
        raise Problem(403, "NOT_RESPONSIBLE")
    if call.registry.get("transfer", transfer_id):
        raise Problem(409, "TRANSFER_EXISTS")
    if any(transfer["status"] in _OPEN for transfer in call.registry.list("transfer", facts.id_number)):
        raise Problem(409, "TRANSFER_OPEN")
    if facts.retired:
        raise Problem(422, "ALREADY_RETIRED")
    is_old = call.department.city == old
    if is_old and not jobs_here(call, facts):
        raise Problem(422, "NOT_INSURED_HERE")
    return _save(
        call,
        {
            "transfer_id": transfer_id,
            "id_number": facts.id_number,
            "name": facts.name,
            "from_admdvs": old,
            "to_admdvs": new,
            "status": "APPLIED",
            "role": "OLD" if is_old else "NEW",
            "applied_at": call.moment(),
        },
    )


def query(call: Call) -> Body:
    """The transfer as it stands here."""
    transfer = _transfer(call, call.body["transfer_id"])
    return call.record(transfer)


def letter(call: Call) -> Body:
    """Takes note of the contact letter (联系函)."""
    transfer = _transfer(call)
    number = call.body["letter_no"]
    if transfer["status"] == "LETTER_SENT" and transfer["letter_no"] == number:
        return call.record(transfer)
    _require(transfer, "APPLIED")
    changes = {"status": "LETTER_SENT", "letter_no": number, "letter_sent_at": call.moment()}
    return _save(call, transfer | changes)


def statement(call: Call) -> Body:
    """Makes the information form (信息表) and closes the relation at the old place."""
    transfer = _transfer(call)
    if transfer["role"] != "OLD":
        raise Problem(403, "NOT_THE_OLD_PLACE")
    if transfer["status"] == "STATEMENT_SENT":
        return call.record(transfer)
    _require(transfer, "LETTER_SENT")
    if transfer["letter_no"] != call.body["letter_no"]:
        raise Problem(409, "TRANSFER_STEP_WRONG")
    facts = call.facts_of(transfer["id_number"])
    jobs = jobs_here(call, facts)
    paid, account = statement_of(call, jobs)
    form = {
        "statement_no": f"form-{call.path['transfer_id']}"[:64],
        "months_paid": paid,
        "begin": str(jobs[0].first),
        "end": str(jobs[-1].last or month_of(call.today).plus(-1)),
        "account_amt": yuan(account),
        "fund_amt": "0.00",
    }
    call.registry.put("moved", facts.id_number, {"transfer_id": transfer["transfer_id"]})
    changes = {"status": "STATEMENT_SENT", "statement": form, "statement_sent_at": call.moment()}
    return _save(call, transfer | changes)


def merge(call: Call) -> Body:
    """Merges what the form says into the account at the new place."""
    transfer = _transfer(call)
    if transfer["role"] != "NEW":
        raise Problem(403, "NOT_THE_NEW_PLACE")
    form = call.body["statement"]
    if transfer["status"] == "MERGED" and transfer["statement"] == form:
        return call.record(transfer)
    _require(transfer, "LETTER_SENT")
    merged = {"months_paid": form["months_paid"], "account_amt": form["account_amt"]}
    call.registry.put("merged", transfer["id_number"], merged)
    changes = {"status": "MERGED", "statement": form, "merged_at": call.moment()}
    return _save(call, transfer | changes)


def refuse(call: Call) -> Body:
    """Ends the transfer without any effect; too late once the form was made or merged."""
    transfer = _transfer(call)
    if transfer["status"] == "REFUSED":
        return call.record(transfer)
    _require(transfer, "APPLIED", "LETTER_SENT")
    return _save(call, transfer | {"status": "REFUSED", "reason": call.body["reason"]})


def _transfer(call: Call, transfer_id: str | None = None) -> Body:
    transfer = call.registry.get("transfer", transfer_id or call.path["transfer_id"])
    if transfer is None:
        raise Problem(404, "RECORD_UNKNOWN")
    return transfer


def _require(transfer: Body, *statuses: str) -> None:
    if transfer["status"] not in statuses:
        raise Problem(409, "TRANSFER_STEP_WRONG")


def _save(call: Call, transfer: Body) -> Body:
    return call.keep("transfer", transfer["transfer_id"], transfer, transfer["id_number"])
