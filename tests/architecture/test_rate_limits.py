"""The rules of rate_limits.toml and the code that counts by them agree."""

import ast

from backend.core.limits import declared_rules
from tests.architecture.sources import production
from tests.architecture.test_messages import strings_of_source


def counted_rules() -> set[str]:
    """The literal rule of every `….hit("rule", …)`."""
    return {
        node.args[0].value
        for source in production()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "hit"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_rule_that_is_counted_is_declared():
    assert counted_rules() - set(declared_rules()) == set()


def test_every_declared_rule_is_used_somewhere():
    assert set(declared_rules()) - strings_of_source() == set()
