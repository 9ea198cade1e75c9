"""Operations of the education departments (教育)."""

from collections.abc import Mapping
from typing import Final

from backend.exchange.sandbox.departments import schools, student_transfer
from backend.exchange.sandbox.departments.call import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    "queryStudent": schools.student,
    "querySchools": schools.list_schools,
    "applyForEnrolment": schools.apply,
    "queryEnrolment": schools.enrolment,
    "allotPlace": schools.allot,
    "withdrawEnrolment": schools.withdraw,
    "openTransfer": student_transfer.open_transfer,
    "queryTransfer": student_transfer.query,
    "decideTransfer": student_transfer.decide,
    "completeTransfer": student_transfer.complete,
    "queryDiplomas": schools.diplomas,
    "verifyDiploma": schools.verify_diploma,
}
