"""Write the vectors' JSON to the file that is named, else to the standard output."""

import sys
from pathlib import Path

from backend.onecode.wire.vectors.document import document

if len(sys.argv) > 1:
    Path(sys.argv[1]).write_text(document(), "utf-8")
else:
    sys.stdout.write(document())
