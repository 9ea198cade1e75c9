"""Every root field stands in one of the authorization matrices."""

import re

from graphql_schema.resident.schema import schema
from tests.graphql import test_cards, test_identity, test_onecode, test_staff_and_consent

CORE = schema._schema


def root_fields(document: str) -> set[str]:
    """The root fields that a document of these tests selects, which all call it `result`."""
    return set(re.findall(r"\bresult: (\w+)", document))


def documents_of_the_matrices() -> list[str]:
    """The documents of every matrix and of every parametrized denial."""
    tables = (
        test_identity.FOR_ANYONE,
        test_identity.FOR_RESIDENTS,
        test_identity.FOR_OFFICERS,
        test_staff_and_consent.MATRIX,
    )
    denials = (test_onecode.test_who_may_not_changes_nothing, test_cards.test_who_may_not_changes_nothing)
    in_tables = [row[0] for table in tables for row in table.values()]
    return in_tables + [case[1] for denied in denials for mark in denied.pytestmark for case in mark.args[1]]


def test_every_root_field_is_in_a_matrix():
    fields = set(CORE.query_type.fields) | set(CORE.mutation_type.fields)
    tried = set().union(*map(root_fields, documents_of_the_matrices()))

    assert fields - tried == set()
