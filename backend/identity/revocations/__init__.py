"""Which access tokens no longer count, although they haven't expired."""
