"""One running product for all tests of this folder: two API processes, the worker, the sandbox, MongoDB."""

from collections.abc import Iterator

import pytest

from tests.product import Product, running_product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product that these tests share; those that kill or stop one start their own."""
    with running_product(
        tmp_path_factory.mktemp("product"),
        demo_residents="50",
        processes="2",
        trusted_proxies="1",
        audit_checkpoint_seconds="1",
    ) as running:
        yield running


@pytest.hookimpl(tryfirst=True)  # Before pytest-xdist looks at the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder run in one worker, so that one product serves them."""
    for item in items:
        if "tests/integration/product" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("product"))
