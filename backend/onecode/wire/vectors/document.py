"""The vectors' JSON document; `docs/one-code.md` §15 says what its members mean."""

import json

from backend.core.clock import epoch
from backend.onecode.wire.keys import SigningKey, base64url, to_jwk
from backend.onecode.wire.vectors.cases import ACCEPTED, Case, cases
from backend.onecode.wire.vectors.material import KEYS, NOW, SERVER_SECRET, STATUS_LISTS, TRUST_LISTS, Recipe

_INTERMEDIATE_NAME = "typical code, ES256 and ES256"


def document() -> str:
    """The whole document, the same each time."""
    body = {
        "format": "YM1",
        "warning": "The private keys are published: never use them for anything but these tests.",
        "keys": {name: _jwk(key) for name, key in KEYS.items()},
        "server_secret": SERVER_SECRET.hex(),
        "pinned_roots": ["root"],
        "trust_lists": dict(TRUST_LISTS),
        "status_lists": {name: token.hex() for name, token in STATUS_LISTS.items()},
        "intermediate": _intermediate(),
        "vectors": [_vector(number, case) for number, case in enumerate(cases(), 1)],
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def _jwk(key: SigningKey) -> dict[str, str]:
    if key.algorithm.name == "EdDSA":
        secret: bytes = key.private.private_bytes_raw()
    else:
        secret = key.private.private_numbers().private_value.to_bytes(32, "big")
    return to_jwk(key.verify_key()) | {"d": base64url(secret)}


def _intermediate() -> dict[str, str | int]:
    recipe = Recipe()
    credential = recipe.credential()
    binary = recipe.binary()
    return {
        "of": _INTERMEDIATE_NAME,
        "now": epoch(NOW),
        "credential": credential.hex(),
        "binary": binary.hex(),
        "bytes": len(binary),
        "characters": len(recipe.text()),
    }


def _vector(number: int, case: Case) -> dict[str, object]:
    vector: dict[str, object] = {
        "id": f"{'ok' if case.outcome == ACCEPTED else 'no'}-{number:03d}",
        "name": case.name,
        "text": case.text,
        "now": epoch(case.now),
        "domain": case.domain.names[0],
        "trust_list": case.trust_list,
        "status_list": case.status_list,
        "outcome": case.outcome,
    }
    if case.challenge is not None:
        vector["challenge"] = case.challenge.hex()
    if not case.require_status:
        vector["require_status"] = False
    if case.highest_sequence:
        vector["highest_sequence"] = case.highest_sequence
    return vector
