"""Consent (个人同意): what a resident allows, for which purpose and which data, and its history."""
