"""Sessions: what a sign-in opens, how it is renewed, listed and ended."""
