"""Signed calls to the sandbox's departments, without the exchange's client in between."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import requests.auth

from backend.core.ids import new_id
from backend.exchange.department_api.operations import Kind, operations
from backend.exchange.message_signatures import (
    SignedRequest,
    SignedResponse,
    public_key,
    sign_request,
    verify_response,
)
from backend.exchange.sandbox.departments.department import Department, exchange_signer

HEADERS = {"X-Purpose": "test.run", "X-On-Behalf-Of": "system:test"}


class SigningAuth(requests.auth.AuthBase):
    """Signs whatever `requests` is about to send."""

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """See requests.auth.AuthBase."""
        body = prepared.body or b""
        content = body.encode() if isinstance(body, str) else body
        headers = {name: _text(value) for name, value in prepared.headers.items()}
        request = SignedRequest(prepared.method or "", prepared.url or "", headers, content)
        prepared.headers.update(sign_request(request, exchange_signer(), datetime.now(UTC)))
        return prepared


class DepartmentCaller:
    """A department as its caller sees it; every answer's signature is verified."""

    def __init__(self, url: str, listing: list[dict[str, str]], city: str, kind: Kind) -> None:
        self.department = Department(city, kind)
        entry = next(one for one in listing if (one["city"], one["kind"]) == (city, kind))
        self._keys = {entry["key_id"]: public_key(entry["public_key"])}
        self._client = httpx2.Client(base_url=url, trust_env=False, timeout=20)

    def call(
        self, operation_id: str, body: dict[str, Any], *, key: str | None = None, **path: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and content of an operation; a write gets a fresh key unless one is given."""
        operation = operations(self.department.kind)[operation_id]
        headers = HEADERS | {"Content-Type": "application/json", "X-Request-Id": new_id()}
        if operation.writes:
            headers["Idempotency-Key"] = key or new_id()
        url = f"{self._client.base_url}".rstrip("/") + self.department.path + operation.path.format(**path)
        request = SignedRequest("POST", url, headers, json.dumps(body).encode())
        sent = SignedRequest(
            "POST",
            url,
            headers | sign_request(request, exchange_signer(), datetime.now(UTC)),
            request.content,
        )
        response = self._client.post(url, content=sent.content, headers=dict(sent.headers))
        answer = SignedResponse(response.status_code, dict(response.headers), response.content)
        verify_response(answer, sent, self._keys, datetime.now(UTC))
        data = response.json()
        assert response.status_code >= 400 or operation.answer.is_valid(data), (operation_id, data)
        return response.status_code, data

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
