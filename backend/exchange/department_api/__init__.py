"""The department interface (`docs/department-api/`) as both sides read it: operations and their schemas."""
