"""Tests of the schemas and of the engine that serves them."""
