"""Issuing credentials: batches for devices that sign, one at a time for sessions that can't."""

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.keyring import Purpose
from backend.core.mongo.client import Session, transact
from backend.identity.holding import Hold
from backend.identity.viewer import ResidentViewer
from backend.onecode.indices import IndexAllocator, StatusIndex
from backend.onecode.models import BATCH, ISSUER, CredentialBatch, Held, IssuedCredential, Reach
from backend.onecode.repository import CredentialRepository
from backend.onecode.trust import IssuerKeys
from backend.onecode.wire.credential import HANDLE_BYTES, Claims, device_cose_key, sign_credential
from backend.onecode.wire.device import derive_proof_key
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey, unbase64url

ISSUED_AT_STEP: Final = timedelta(hours=1)
"""`iat` is cut to the hour, so that it is the same for everyone who was served in that hour."""

_KeyOf = Callable[[bytes], ec.EllipticCurvePublicKey]  # The public proof key of a handle.


class Issuing:
    """Issues credentials to those whom `hold` lets through, in the transaction that stores what they get."""

    def __init__(
        self,
        core: Foundation,
        credentials: CredentialRepository,
        indices: IndexAllocator,
        keys: IssuerKeys,
        hold: Hold,
    ) -> None:
        self._core = core
        self._credentials = credentials
        self._indices = indices
        self._keys = keys
        self._hold = hold
        self._proof_secret = core.keyring.secret("onecode-proof-keys")

    def issue_batch(
        self, viewer: ResidentViewer, public_keys: Sequence[str], domain: str | None, key: str
    ) -> CredentialBatch:
        """Credentials for up to 16 keys that the viewer's device has just made, one each.

        `public_keys` are P-256 points (SEC 1 §2.3.3, compressed or not) in base64url; `domain` as in
        `Reach.of`; `key` is the idempotency key. The app refills when a batch runs out or expires.
        Refuses: DEVICE_NOT_REGISTERED, DEVICE_KEY_INVALID, BAD_INPUT, RATE_LIMITED, and as `hold` does.
        """
        if viewer.device is None:
            raise Refusal("DEVICE_NOT_REGISTERED")
        points = [parse_point(one) for one in public_keys]
        if not 1 <= len(points) <= BATCH or len(set(public_keys)) != len(points):
            raise Refusal("BAD_INPUT", field="publicKeys")
        reach, now = Reach.of(domain), self._core.clock.now()
        self._core.limits.hit("onecode.batch.device", viewer.device)

        def work(session: Session) -> bytes:
            issued = self._issued(viewer, reach, Held.DEVICE, [_always(one) for one in points], now)
            self._store(viewer, issued, session)
            self._core.audit.append(_batch_entry(viewer, issued), session)
            return _dump(issued)

        request = {"publicKeys": list(public_keys), "reach": reach.name}
        return _load(
            self._core.idempotency.once(viewer.resident, key, "issueCredentials", request, work), reach
        )

    def issue_held(self, viewer: ResidentViewer, reach: Reach) -> IssuedCredential:
        """One credential whose proof key the service derives; refuses as `hold` does."""
        now = self._core.clock.now()
        issued = self._issued(viewer, reach, Held.SERVER, [self._held_key], now)
        transact(self._core.db, lambda session: self._store(viewer, issued, session))
        return issued[0]

    def proof_key(self, handle: bytes) -> SigningKey:
        """The proof key of a server-held credential."""
        return derive_proof_key(self._proof_secret, handle)

    def _held_key(self, handle: bytes) -> ec.EllipticCurvePublicKey:
        public: ec.EllipticCurvePublicKey = self.proof_key(handle).private.public_key()
        return public

    def _store(self, viewer: ResidentViewer, issued: Sequence[IssuedCredential], session: Session) -> None:
        self._hold(viewer, session)
        self._credentials.insert(issued, session)

    def _issued(
        self,
        viewer: ResidentViewer,
        reach: Reach,
        held: Held,
        keys: Sequence[_KeyOf],
        now: datetime,
    ) -> list[IssuedCredential]:
        signer, active_from = self._keys.signer(Purpose.CODE)
        issued_at = max(_hour(now), active_from)
        expires_at = issued_at + reach.lifetime

        def issue(public_key: _KeyOf, place: StatusIndex) -> IssuedCredential:
            handle = secrets.token_bytes(HANDLE_BYTES)
            cnf = device_cose_key(public_key(handle))
            claims = Claims(
                ISSUER, handle, issued_at, expires_at, cnf, reach.domains, place.number, place.index
            )
            return IssuedCredential(
                handle=handle,
                resident=viewer.resident,
                session=viewer.session,
                device=viewer.device,
                held=held,
                domains=reach.domains,
                status_list=place.number,
                status_index=place.index,
                issued_at=issued_at,
                expires_at=expires_at,
                shown_from=now,
                signed=sign_credential(claims, signer),
            )

        return list(map(issue, keys, self._indices.take(len(keys))))


def parse_point(text: str) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a base64url SEC 1 point; Refusal DEVICE_KEY_INVALID for anything else."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64url(text))
    except (ValueError, CodeRejected):
        raise Refusal("DEVICE_KEY_INVALID") from None


def _always(public: ec.EllipticCurvePublicKey) -> _KeyOf:
    return lambda _handle: public


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _batch_entry(viewer: ResidentViewer, issued: Sequence[IssuedCredential]) -> Entry:
    return Entry(
        action="onecode.credentials.issued",
        actor=Actor("resident", viewer.resident),
        subject=viewer.resident,
        reference=viewer.device,
        detail={"count": len(issued), "domains": list(issued[0].domains.names)},
    )


def _dump(issued: Sequence[IssuedCredential]) -> bytes:
    signed = [base64.b64encode(one.signed).decode() for one in issued]
    return orjson.dumps({"signed": signed, "iat": issued[0].issued_at, "exp": issued[0].expires_at})


def _load(stored: bytes, reach: Reach) -> CredentialBatch:
    answer = orjson.loads(stored)
    return CredentialBatch(
        credentials=tuple(base64.b64decode(one) for one in answer["signed"]),
        domains=reach.domains.names,
        issued_at=datetime.fromisoformat(answer["iat"]),
        expires_at=datetime.fromisoformat(answer["exp"]),
    )
