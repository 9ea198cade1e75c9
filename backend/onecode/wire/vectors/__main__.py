"""Print the vectors as JSON."""

import sys

from backend.onecode.wire.vectors.document import document

sys.stdout.write(document())
