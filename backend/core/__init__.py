"""What every part stands on: settings, errors, clock, ids, MongoDB, sealing, audit, HTTP plumbing."""
