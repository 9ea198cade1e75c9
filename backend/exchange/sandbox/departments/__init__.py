"""The departments of the three cities: twelve servers, registries of their own, made-up people."""
