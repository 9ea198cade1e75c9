"""What the stand-ins of departments ask of a request: a JSON body, and a signature."""

from flask import request

from backend.core.clock import Clock
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.signing import CALLER_HEADER, SIGNATURE_HEADER, TIME_HEADER, is_signed_by


def strings(*names: str) -> list[str] | None:
    """The non-empty strings under `names` in the request's JSON object; None when one is missing."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        return None
    found = [value for name in names if isinstance(value := body.get(name), str) and value]
    return found if len(found) == len(names) else None


def is_signed(config: SandboxConfig, clock: Clock) -> bool:
    """Whether the agreed caller signed this request, just now."""
    given = request.headers
    return given.get(CALLER_HEADER) == config.exchange_caller and is_signed_by(
        config.exchange_caller,
        config.exchange_key.encode(),
        request.method,
        request.path,
        request.get_data(),
        given.get(TIME_HEADER, ""),
        given.get(SIGNATURE_HEADER, ""),
        clock.now(),
    )
