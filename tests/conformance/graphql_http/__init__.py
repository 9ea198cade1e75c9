"""The server audits of GraphQL over HTTP."""
