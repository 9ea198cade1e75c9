"""In production only documents of the clients' manifest are served, and nothing starts without one."""

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from dotenv import dotenv_values

from backend.core.mongo.embedded import free_port
from tests.product import TONGYU, Product, environment, stop

KNOWN = "query Me { me { id } }"
DOCUMENT_ID = f"sha256:{hashlib.sha256(KNOWN.encode()).hexdigest()}"


def production(product: Product, **more: str) -> dict[str, str]:
    """The variables of the running product, as an installation in production has them."""
    own = {name: value or "" for name, value in dotenv_values(product.folder / ".tongyu/current.env").items()}
    own.pop("TONGYU_ALLOW_LIST", None)
    return environment(product.folder, **{**own, "TONGYU_ENVIRONMENT": "production", **more})


@pytest.fixture(scope="module")
def api(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """An API process in production mode beside the product."""
    folder, port = tmp_path_factory.mktemp("production"), free_port()
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({DOCUMENT_ID: KNOWN}), "utf-8")
    more = {"TONGYU_ALLOW_LIST": str(manifest), "TONGYU_PORT": str(port), "TONGYU_PROCESSES": "1"}
    process = subprocess.Popen(
        [str(TONGYU), "serve"],
        cwd=product.folder,
        env=production(product, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    headers = {"Accept": "application/graphql-response+json"}
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=url, trust_env=False, timeout=10, headers=headers) as client:
            await_answer(client)
            yield client
    finally:
        stop(process)


def await_answer(client: httpx2.Client) -> None:
    """Waits until the process answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.2)
    raise AssertionError("the API in production mode didn't start")


def code_of(response: httpx2.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


def test_without_a_manifest_nothing_starts_and_it_says_why(product: Product):
    done = subprocess.run(
        [str(TONGYU), "serve"],
        cwd=product.folder,
        env=production(product, TONGYU_PORT=str(free_port())),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "TONGYU_ALLOW_LIST is needed in production" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_manifest_that_is_not_there_counts_as_none(product: Product, tmp_path: Path):
    missing = str(tmp_path / "none.json")
    done = subprocess.run(
        [str(TONGYU), "serve"],
        cwd=product.folder,
        env=production(product, TONGYU_PORT=str(free_port()), TONGYU_ALLOW_LIST=missing),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "TONGYU_ALLOW_LIST" in done.stdout + done.stderr


@pytest.mark.parametrize("body", [{"documentId": DOCUMENT_ID}, {"query": KNOWN}])
def test_a_listed_document_is_served(api: httpx2.Client, body: dict[str, str]):
    response = api.post("/graphql", json=body)

    assert (response.status_code, code_of(response)) == (200, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "document",
    [
        "{ me { id name } }",
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        KNOWN + " ",
        'mutation { signOut(idempotencyKey: "0123456789abcdef") { __typename } }',
        "{",
    ],
)
def test_no_other_document_is_even_read(api: httpx2.Client, document: str):
    response = api.post("/graphql", json={"query": document})

    assert (response.status_code, code_of(response)) == (403, "GRAPHQL_DOCUMENT_NOT_ALLOWED")


def test_a_listed_id_lends_its_right_to_no_other_document(api: httpx2.Client):
    response = api.post("/graphql", json={"documentId": DOCUMENT_ID, "query": "{ me { id name } }"})

    assert code_of(response) == "GRAPHQL_DOCUMENT_ID_MISMATCH"
