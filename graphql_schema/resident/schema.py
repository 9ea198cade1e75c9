"""The residents' and verifiers' schema: its table of contents."""

from datetime import datetime

import strawberry
from strawberry.schema.config import StrawberryConfig

from graphql_schema.resident.cards import CardMutation, CardQuery
from graphql_schema.resident.consent import ConsentMutation, ConsentQuery
from graphql_schema.resident.identity import IdentityMutation, IdentityQuery
from graphql_schema.resident.onecode import OneCodeMutation, OneCodeQuery
from graphql_schema.resident.scalars import DATE_TIME
from graphql_schema.resident.staff import StaffMutation, StaffQuery


@strawberry.type(description="What can be asked.")
class Query(IdentityQuery, OneCodeQuery, CardQuery, ConsentQuery, StaffQuery):
    """What can be asked."""


@strawberry.type(description="What can be done.")
class Mutation(IdentityMutation, OneCodeMutation, CardMutation, ConsentMutation, StaffMutation):
    """What can be done."""


schema = strawberry.Schema(
    Query,
    Mutation,
    config=StrawberryConfig(scalar_map={datetime: DATE_TIME}, disable_field_suggestions=True),
)
