"""Tests of the GraphQL-over-HTTP engine."""
