"""Conformance to public standards, judged by their own suites."""
