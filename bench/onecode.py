"""`make bench-onecode`: all figures of the one code in one run; ends with 1 when a bound is broken."""

import sys

from bench import onecode_offline, onecode_online


def main() -> int:
    """Measures offline verification and issuing first, while nothing else runs, then the online scan."""
    return max(onecode_offline.main(), onecode_online.main())


if __name__ == "__main__":
    sys.exit(main())
