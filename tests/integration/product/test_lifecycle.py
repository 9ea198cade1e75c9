"""`tongyu dev` starts everything, ends everything, and recovers from being killed."""

import signal
import socket
import subprocess
import time

import psutil
import pytest

from tests.product import TONGYU, environment, free_port, running_product, stop


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def survivors(processes: list[psutil.Process], seconds: float) -> list[str]:
    """Those that still run after at most so many seconds."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [" ".join(process.cmdline()) for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_asked_to_end_it_ends_everything_it_started(tmp_path):
    with running_product(tmp_path, demo_residents="5") as product:
        processes = family(product.process.pid)
        assert {"mongod", "granian-worker"} & {process.name() for process in processes}
        assert len(processes) >= 6
        assert stop(product.process) == 0
        assert survivors(processes, 1) == []
        assert not (tmp_path / ".tongyu" / "current.env").exists()


def test_killed_it_leaves_nothing_behind_and_the_next_start_has_the_data(tmp_path):
    with running_product(tmp_path, demo_residents="5") as product:
        key = product.http.get("/.well-known/jwks.json").json()
        processes = family(product.process.pid)
        product.process.send_signal(signal.SIGKILL)
        product.process.wait()
        assert survivors(processes, 20) == []

    with running_product(tmp_path, demo_residents="5") as product:
        assert product.http.get("/readyz").status_code == 200
        assert product.http.get("/.well-known/jwks.json").json() == key


@pytest.mark.parametrize("taken", ["TONGYU_PORT", "TONGYU_SANDBOX_PORT"])
def test_a_taken_port_is_a_clear_error_and_nothing_is_started(tmp_path, taken):
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"TONGYU_PORT": str(free_port()), "TONGYU_SANDBOX_PORT": str(free_port())}
        ports[taken] = str(other.getsockname()[1])
        done = subprocess.run(
            [str(TONGYU), "dev"],
            cwd=tmp_path,
            env=environment(tmp_path, **ports),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"Port {ports[taken]}" in done.stdout
    assert "taken" in done.stdout
    assert not (tmp_path / ".tongyu").exists()


def test_while_the_database_is_away_it_is_not_ready_and_says_so_in_every_answer(tmp_path):
    with running_product(tmp_path, demo_residents="5") as product:
        (mongod,) = [one for one in family(product.process.pid) if one.name() == "mongod"]
        mongod.suspend()
        try:
            assert product.http.get("/readyz").status_code == 503
            assert product.http.get("/healthz").status_code == 200
            away = product.http.post(
                "/graphql",
                json={
                    "query": 'mutation { signInStaff(username: "a.b", password: "x", totp: "000000", '
                    'idempotencyKey: "0123456789abcdef") { __typename } }'
                },
            )
            assert away.status_code == 503
            assert int(away.headers["Retry-After"]) > 0
            assert away.json()["errors"][0]["extensions"]["code"] == "TEMPORARILY_UNAVAILABLE"
        finally:
            mongod.resume()
        deadline = time.monotonic() + 20
        while product.http.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, "not ready again"
            time.sleep(0.1)
