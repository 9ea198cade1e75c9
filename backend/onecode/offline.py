"""Verifying a code on a machine without a network: files in, a verdict with an exit status out."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Final

from backend.core.clock import Clock, local_iso
from backend.core.errors import DEFAULT_LOCALE, Locale
from backend.onecode.imaging import read_image
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.keys import VerifyKey, from_jwk, to_jwk
from backend.onecode.wire.status import StatusList, load_status_list
from backend.onecode.wire.trust import TrustList, load_trust_list
from backend.onecode.wire.verifier import OfflineVerifier, VerifiedCode

_MAX_FILE: Final = 1 << 20


class Exit(IntEnum):
    """The exit status of `tongyu verify`."""

    ACCEPTED = 0
    REJECTED = 1
    UNUSABLE_TRUST = 3
    UNREADABLE_INPUT = 4


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a verification is given; exactly one of `text` and `image`.

    `roots` is a JWK set of the pinned root keys; `state` remembers the highest sequence number and the root
    keys that the last accepted list named. Without status lists the status is unknown, as the verdict says.
    """

    trust_list: Path
    roots: Path
    state: Path
    domain: str
    status_lists: tuple[Path, ...] = ()
    text: str | None = None
    image: Path | None = None
    challenge: bytes | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome: an exit status, a stable code (`ACCEPTED` or the refusal's), and the verified content."""

    exit: Exit
    code: str
    verified: VerifiedCode | None = None
    refusal: CodeRejected | None = None

    def sentences(self, locale: Locale = DEFAULT_LOCALE) -> list[str]:
        """What to tell the person at the desk, line by line."""
        if self.refusal is not None:
            return [self.refusal.message(locale)]
        if self.verified is None:
            return []
        return _accepted(self.verified, chinese=locale == "zh-CN")


def verify_files(inputs: Inputs, clock: Clock) -> Verdict:
    """Judge the code; never raises for anything that the files, the picture or the text hold."""
    try:
        domain = Domain.named(inputs.domain)
        text = _code_text(inputs)
    except CodeRejected as refusal:
        return Verdict(Exit.UNREADABLE_INPUT, refusal.code, refusal=refusal)
    try:
        verifier = _verifier(inputs, clock)
        verified = verifier.verify(text, domain=domain, challenge=inputs.challenge)
    except TrustRejected as refusal:
        return Verdict(Exit.UNUSABLE_TRUST, refusal.code, refusal=refusal)
    except CodeRejected as refusal:
        return Verdict(Exit.REJECTED, refusal.code, refusal=refusal)
    return Verdict(Exit.ACCEPTED, "ACCEPTED", verified=verified)


def _code_text(inputs: Inputs) -> str:
    if inputs.image is not None and inputs.text is None:
        return read_image(inputs.image)
    if inputs.text is None or inputs.image is not None:
        raise CodeRejected("CODE_NOT_GIVEN")
    return inputs.text.strip()


def _verifier(inputs: Inputs, clock: Clock) -> OfflineVerifier:
    now = clock.now()
    state = _State.load(inputs.state)
    roots = state.roots or _roots(_object(inputs.roots))
    token = _content(inputs.trust_list).decode("ascii", "replace")
    trust_list = load_trust_list(token, roots, now=now, highest_sequence=state.sequence)
    accepted = _State(trust_list.sequence, trust_list.roots or roots)
    if accepted != state:
        accepted.save(inputs.state)
    status_lists = tuple(_status_lists(inputs.status_lists, trust_list, now))
    return OfflineVerifier(trust_list, status_lists, clock=clock, require_status=bool(status_lists))


def _status_lists(paths: Iterable[Path], trust_list: TrustList, now: datetime) -> Iterable[StatusList]:
    return (load_status_list(_content(path), trust_list, now=now) for path in paths)


@dataclass(frozen=True, slots=True)
class _State:
    """What a verifier keeps between runs, so that neither an old list nor an old root comes back."""

    sequence: int = 0
    roots: tuple[VerifyKey, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "_State":
        if not path.exists():
            return cls()
        found = _object(path)
        sequence = found.get("sequence")
        if not isinstance(sequence, int):
            raise _unusable("the state file has no sequence number")
        return cls(sequence, _roots(found))

    def save(self, path: Path) -> None:
        """Replace the file in one step, so that a crash leaves the old or the new one."""
        body = json.dumps(
            {"sequence": self.sequence, "keys": [to_jwk(root) for root in self.roots]}, indent=2
        )
        try:
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
                file.write(body + "\n")
            Path(file.name).replace(path)
        except OSError:
            raise _unusable("the state file can't be written") from None


def _roots(keys: Mapping[str, object]) -> tuple[VerifyKey, ...]:
    entries = keys.get("keys")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _unusable("the root keys aren't a JWK set")
    try:
        return tuple(from_jwk(entry) for entry in entries)
    except CodeRejected as refusal:
        raise _unusable(refusal.code) from None


def _object(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(_content(path))
    except (ValueError, RecursionError):
        raise _unusable("not JSON") from None
    if not isinstance(found, dict):
        raise _unusable("not a JSON object")
    return found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE)
    except OSError:
        raise _unusable("a file can't be read") from None


def _unusable(detail: str) -> TrustRejected:
    return TrustRejected("TRUST_FILES_UNUSABLE", detail=detail)


def _accepted(verified: VerifiedCode, *, chinese: bool) -> list[str]:
    expires = local_iso(verified.expires_at)
    as_of = local_iso(verified.status_as_of) if verified.status_as_of else None
    if chinese:
        status = (
            f"状态：未停用（名单签发于 {as_of}）"
            if verified.status == "valid"
            else "状态：未知（没有可用的状态名单）"
        )
        return [f"核验通过：{verified.issuer} 签发，有效期至 {expires}", status]
    status = (
        f"Status: not revoked, by the list of {as_of}"
        if verified.status == "valid"
        else "Status: unknown, as no usable status list was given"
    )
    return [f"Accepted: issued by {verified.issuer}, valid until {expires}", status]
