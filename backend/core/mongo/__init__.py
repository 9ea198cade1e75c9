"""MongoDB: the client's options, transactions, declared indexes, numbered migrations, the embedded server."""
