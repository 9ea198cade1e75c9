"""Scans on the running product: many at once, and through the death of an API process."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx2
import psutil
import pytest

from tests.integration.product.people import VERIFY, attempt, behind, desk_token, register
from tests.product import Product, running_product

THREADS = 32


def api_processes(product: Product) -> list[psutil.Process]:
    """The processes that serve requests, which granian's main process started."""
    (api,) = [
        child for child in psutil.Process(product.process.pid).children() if child.cmdline()[-1:] == ["serve"]
    ]
    return api.children()


def send(product: Product, scan: dict[str, str], token: str) -> dict[str, str]:
    """One scan; the result of the mutation."""
    return product.gql(VERIFY, token, **scan)["result"]


def test_of_a_thousand_scans_of_one_code_exactly_one_is_accepted(product):
    assert len(api_processes(product)) == 2
    citizen = register(product, 1001)
    phone = citizen.phone()
    with behind(product) as foundation:
        tokens = [desk_token(foundation) for _ in range(40)]
        code = phone.code(datetime.now(UTC))
        scans = [(attempt(code), tokens[number % len(tokens)]) for number in range(1000)]
        with ThreadPoolExecutor(THREADS) as threads:
            results = list(threads.map(lambda one: send(product, *one), scans))

        outcomes = Counter((result["__typename"], result.get("code")) for result in results)
        assert outcomes == {("CodeAccepted", None): 1, ("CodeRejected", "CODE_REPLAYED"): 999}
        audited = audit_actions(foundation, citizen.resident)
        assert audited["onecode.scan.accepted"] == 1
        assert audited["onecode.scan.refused"] == 999


def audit_actions(foundation, resident: str) -> Counter[str]:
    """How many audit entries there are about a resident of each action."""
    rows = foundation.db["audit_entries"].find({"subject": resident}, {"content": 1})
    return Counter(row["content"].split(b'"action":"')[1].split(b'"')[0].decode() for row in rows)


@pytest.fixture
def own_product(tmp_path):
    """A product to do harm to."""
    with running_product(tmp_path, demo_residents="10", processes="2") as running:
        yield running


def test_a_killed_api_process_costs_no_scan_and_doubles_none(own_product):
    citizen = register(own_product, 1002)
    phone = citizen.phone()
    with behind(own_product) as foundation:
        tokens = [desk_token(foundation) for _ in range(40)]
        now = datetime.now(UTC)
        scans = [
            (attempt(phone.code(now, which=number % 16)), tokens[number % len(tokens)])
            for number in range(500)
        ]
        with ThreadPoolExecutor(THREADS) as threads:
            futures = [threads.submit(until_answered, own_product, *scan) for scan in scans]
            while sum(future.done() for future in futures) < 150:
                time.sleep(0.01)
            busiest = max(api_processes(own_product), key=lambda one: sum(one.cpu_times()[:2]))
            os.kill(busiest.pid, signal.SIGKILL)
            answers = [future.result() for future in futures]

        assert Counter(answer["__typename"] for answer, _ in answers) == {"CodeAccepted": 500}
        assert sum(tries - 1 for _, tries in answers) > 0, "the kill hit no request"
        assert len({answer["scan"] for answer, _ in answers}) == 500
        assert foundation.db["scans"].count_documents({"refusal": {"$exists": False}}) == 500
        assert audit_actions(foundation, citizen.resident)["onecode.scan.accepted"] == 500
    verified = own_product.tongyu("audit", "verify")
    assert verified.returncode == 0, verified.stdout


def until_answered(product: Product, scan: dict[str, str], token: str) -> tuple[dict[str, str], int]:
    """The answer to a scan that is sent again, under its request id, while no answer comes; and the tries."""
    for tries in range(1, 60):
        try:
            return send(product, scan, token), tries
        except (httpx2.TransportError, AssertionError):
            time.sleep(0.2)
    raise AssertionError("no answer after 60 tries")
