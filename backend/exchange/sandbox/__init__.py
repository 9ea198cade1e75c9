"""Stand-ins for the systems outside, as a server of their own, reached over HTTP by the production code."""
