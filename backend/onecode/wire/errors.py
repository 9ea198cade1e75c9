"""The coded errors of the one code; their texts are in `backend/onecode/messages.toml`."""

from backend.core.errors import Refusal


class CodeRejected(Refusal):
    """A code, a card or the material to judge it with was refused; `code` says why.

    `params["detail"]`, where given, is a short English note for implementers, without personal data.
    """


class TrustRejected(CodeRejected):
    """The trust list or a status list can't be used, so that no code can be judged with it."""


def malformed(detail: str) -> CodeRejected:
    """The refusal of an input that is not in the format: `CODE_MALFORMED`."""
    return CodeRejected("CODE_MALFORMED", detail=detail)
