"""Face checks: the third level of assurance, and the proof of who somebody is without a session."""
