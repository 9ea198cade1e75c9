"""The published vectors: `python -m backend.onecode.wire.vectors docs/one-code-vectors.json`."""
