"""What a verification and an issue cost beside the bare signature operations in them.

Two ratios, each the median over the rounds of one run, which alternate all four measurements:

- verify: (two bare ES256 verifications with loaded keys, over the very signatures that the codes hold) /
  (one full offline verification: text, base45, CBOR, device-key decompression, both signatures, status);
- issue: (one bare ES256 signature) / (one credential issued).

Every code has its own credential and device key, so that nothing is met twice within a round.
Run it with `python -m bench.onecode_offline`; it ends with 1 when a ratio is below its bound.
"""

import secrets
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from backend.core.clock import SystemClock
from backend.onecode.wire.code import build_code, parse_code
from backend.onecode.wire.credential import Claims, device_cose_key, parse_credential, sign_credential
from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.keys import SigningKey, VerifyKey
from backend.onecode.wire.proof import proof_message, sign_proof, step_at
from backend.onecode.wire.status import StatusList, status_bits
from backend.onecode.wire.trust import TrustedKey, TrustList
from backend.onecode.wire.verifier import OfflineVerifier

VERIFY_BOUND = 0.70
ISSUE_BOUND = 0.45
_ISSUER = "cs.tongyu"
_ES256 = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds an operation (medians over the rounds) and the two ratios (medians of each round's)."""

    bare_verify_pair: float
    offline_verify: float
    bare_sign: float
    issue: float
    verify_ratio: float
    issue_ratio: float

    @property
    def within_bounds(self) -> bool:
        """Whether both ratios reach their bounds."""
        return self.verify_ratio >= VERIFY_BOUND and self.issue_ratio >= ISSUE_BOUND


@dataclass(frozen=True, slots=True)
class Bench:
    """The material of one run: distinct claims and codes, and what a bare verification of each needs."""

    issuer: SigningKey
    verifier: OfflineVerifier
    claims: list[Claims]
    codes: list[str]
    bare: list[tuple[ec.EllipticCurvePublicKey, bytes, bytes]]

    def verify_pairs(self) -> None:
        """Both signatures of each code, with the keys loaded and the signatures in DER already."""
        for key, signature, message in self.bare:
            key.verify(signature, message, _ES256)

    def verify_codes(self) -> None:
        """Each code in full."""
        for code in self.codes:
            self.verifier.verify(code, domain=Domain.MEDICAL)

    def sign_bare(self) -> None:
        """One signature for each credential's bytes."""
        private = self.issuer.private
        for _, _, message in self.bare[::2]:
            private.sign(message, _ES256)

    def issue(self) -> None:
        """Each credential."""
        for claims in self.claims:
            sign_credential(claims, self.issuer)


def prepare(count: int) -> Bench:
    """`count` codes in this moment's time step, each with its own credential and device key."""
    now = datetime.now(UTC).replace(microsecond=0)
    issuer = SigningKey.generate()
    devices = [SigningKey.generate() for _ in range(count)]
    claims = [_claims(device, now, index) for index, device in enumerate(devices)]
    codes = [_code(each, issuer, device, now) for each, device in zip(claims, devices, strict=True)]
    bare = [part for code, device in zip(codes, devices, strict=True) for part in _bare(code, issuer, device)]
    return Bench(issuer, _verifier(issuer.verify_key(), now, count), claims, codes, bare)


def _claims(device: SigningKey, now: datetime, index: int) -> Claims:
    key = device_cose_key(device.verify_key().public)
    handle = secrets.token_bytes(16)
    return Claims(_ISSUER, handle, now, now + timedelta(hours=4), key, ALL_DOMAINS, 7, index)


def _code(claims: Claims, issuer: SigningKey, device: SigningKey, now: datetime) -> str:
    credential = sign_credential(claims, issuer)
    return build_code(credential, sign_proof(credential, step_at(now), secrets.token_bytes(8), device))


def _bare(
    code: str, issuer: SigningKey, device: SigningKey
) -> list[tuple[ec.EllipticCurvePublicKey, bytes, bytes]]:
    parts = parse_code(code)
    credential = parse_credential(parts.credential)
    message = proof_message(parts.credential, parts.proof)
    return [
        (issuer.verify_key().public, _der(credential.signature), credential.signed),
        (device.verify_key().public, _der(parts.signature), message),
    ]


def _der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def _verifier(issuer: VerifyKey, now: datetime, count: int) -> OfflineVerifier:
    hour = timedelta(hours=1)
    trusted = TrustedKey(
        issuer, _ISSUER, ALL_DOMAINS, now - hour, now + hour, "https://status.example/{list}"
    )
    trust_list = TrustList(1, now, now, now + hour, (trusted,), ())
    uri = trusted.status_uri_of(7)
    status_list = StatusList(uri, _ISSUER, now, now + hour, hour, status_bits(max(count, 1_000_000), ()))
    return OfflineVerifier(trust_list, [status_list], clock=SystemClock())


def measure(codes: int = 25, rounds: int = 31, repeats: int = 8) -> Figures:
    """The figures of one run; a round times all four operations over `codes` distinct codes, in turn.

    Within a round each operation counts with the best of its `repeats`, in CPU time of this process, so that
    other work on the machine weighs little; over the rounds it is the median. Codes are renewed long before
    their proof window closes.
    """
    timings: list[list[float]] = []
    for number in range(rounds):
        if number % 10 == 0:
            bench = prepare(codes)
        timings.append(_round(bench, repeats))
    pair, full, sign, issue = (statistics.median(column) / codes for column in zip(*timings, strict=True))
    verify_ratio = statistics.median(each[0] / each[1] for each in timings)
    issue_ratio = statistics.median(each[2] / each[3] for each in timings)
    return Figures(pair, full, sign, issue, verify_ratio, issue_ratio)


def _round(bench: Bench, repeats: int) -> list[float]:
    operations = (bench.verify_pairs, bench.verify_codes, bench.sign_bare, bench.issue)
    turns = [[_microseconds(operation) for operation in operations] for _ in range(repeats)]
    return [min(column) for column in zip(*turns, strict=True)]


def _microseconds(operation: Callable[[], None]) -> float:
    start = time.process_time_ns()
    operation()
    return (time.process_time_ns() - start) / 1e3


def report(figures: Figures) -> str:
    """The figures as lines for a person."""
    return "\n".join(
        (
            f"two bare ES256 verifications {figures.bare_verify_pair:6.1f} µs",
            f"one offline verification     {figures.offline_verify:6.1f} µs",
            f"  ratio {figures.verify_ratio:.3f} (at least {VERIFY_BOUND:.2f})",
            f"one bare ES256 signature     {figures.bare_sign:6.1f} µs",
            f"one credential issued        {figures.issue:6.1f} µs",
            f"  ratio {figures.issue_ratio:.3f} (at least {ISSUE_BOUND:.2f})",
        )
    )


def main() -> int:
    """Measure, print, and say by the exit status whether the bounds hold."""
    figures = measure()
    print(report(figures))
    return 0 if figures.within_bounds else 1


if __name__ == "__main__":
    sys.exit(main())
