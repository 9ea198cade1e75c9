"""Medical insurance across cities: filings, direct settlement, reconciliation."""
