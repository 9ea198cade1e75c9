"""Transfer of a student's registration between two education departments (学籍转学)."""

from typing import Final

from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.schools import (
    is_ours,
    school_of,
    schools,
    student_content,
    student_of,
)

PARTIES: Final = ("RECEIVING_SCHOOL", "SENDING_SCHOOL", "SENDING_BUREAU", "RECEIVING_BUREAU")
"""In the order in which they decide."""


def open_transfer(call: Call) -> Body:
    """Opens a transfer; the sending place marks the registration."""
    body = call.body
    child = call.facts("child")
    if body["from_admdvs"] == body["to_admdvs"]:
        raise Problem(422, "TRANSFER_SAME_CITY")
    if call.department.city not in {body["from_admdvs"], body["to_admdvs"]}:
        raise Problem(403, "NOT_RESPONSIBLE")
    if call.registry.get("transfer", body["transfer_id"]):
        raise Problem(409, "TRANSFER_EXISTS")
    if any(one["status"] in {"OPEN", "APPROVED"} for one in call.registry.list("transfer", child.id_number)):
        raise Problem(409, "TRANSFER_OPEN")
    sending = call.department.city == body["from_admdvs"]
    if not is_ours(call, school_of(body["from_school" if sending else "to_school"])):
        raise Problem(422, "SCHOOL_UNKNOWN")
    if sending:
        registered = student_of(call, child)
        if registered["school_code"] != body["from_school"] or registered["status"] != "ENROLLED":
            raise Problem(422, "NOT_A_STUDENT_HERE")
        _mark(call, registered, "TRANSFERRING")
    shared = ("transfer_id", "from_school", "to_school", "from_admdvs", "to_admdvs", "grade")
    content = {name: body[name] for name in shared} | {
        "child_id_number": child.id_number,
        "role": "SENDING" if sending else "RECEIVING",
        "status": "OPEN",
        "steps": [],
        "opened_at": call.moment(),
    }
    return _save(call, content)


def query(call: Call) -> Body:
    """How a transfer stands here."""
    return call.record(_transfer(call, call.body["transfer_id"]))


def decide(call: Call) -> Body:
    """A party's decision, in its turn; RETURNED gives the turn back to the party before."""
    transfer = _transfer(call, call.path["transfer_id"])
    step = {
        name: call.body[name] for name in ("party", "decision", "reason", "decided_at") if name in call.body
    }
    if transfer["steps"] and transfer["steps"][-1] == step:
        return call.record(transfer)
    if transfer["status"] != "OPEN":
        raise Problem(409, "TRANSFER_CLOSED")
    if step["decision"] != "ACCEPTED" and "reason" not in step:
        raise Problem(422, "REASON_MISSING")
    turn = _turn(transfer["steps"])
    if step["party"] != PARTIES[turn]:
        raise Problem(409, "NOT_THIS_PARTYS_TURN")
    changes: Body = {"steps": [*transfer["steps"], step]}
    if step["decision"] == "REFUSED":
        changes["status"] = "REFUSED"
        _unmark(call, transfer)
    elif step["decision"] == "ACCEPTED" and turn == len(PARTIES) - 1:
        changes["status"] = "APPROVED"
    return _save(call, transfer | changes)


def complete(call: Call) -> Body:
    """Moves the registration: opened at the receiving place, closed at the sending one."""
    transfer = _transfer(call, call.path["transfer_id"])
    if transfer["status"] == "COMPLETED":
        return call.record(transfer)
    if transfer["status"] != "APPROVED":
        raise Problem(409, "TRANSFER_NOT_APPROVED")
    child = call.facts_of(transfer["child_id_number"])
    if transfer["role"] == "SENDING":
        _mark(call, student_of(call, child), "TRANSFERRED_OUT")
    else:
        school = schools()[transfer["to_school"]]
        content = student_content(child, school, transfer["grade"], call.today)
        call.keep("student", child.id_number, content, child.id_number)
    return _save(call, transfer | {"status": "COMPLETED"})


def _turn(steps: list[Body]) -> int:
    """Whose turn it is, as an index into PARTIES."""
    turn = 0
    for step in steps:
        turn = turn + 1 if step["decision"] == "ACCEPTED" else max(turn - 1, 0)
    return turn


def _mark(call: Call, registered: Body, status: str) -> None:
    call.keep("student", registered["id_number"], registered | {"status": status}, registered["id_number"])


def _unmark(call: Call, transfer: Body) -> None:
    if transfer["role"] == "SENDING":
        _mark(call, student_of(call, call.facts_of(transfer["child_id_number"])), "ENROLLED")


def _transfer(call: Call, transfer_id: str) -> Body:
    found = call.registry.get("transfer", transfer_id)
    if found is None:
        raise Problem(404, "RECORD_UNKNOWN")
    return found


def _save(call: Call, transfer: Body) -> Body:
    return call.keep("transfer", transfer["transfer_id"], transfer, transfer["child_id_number"])
