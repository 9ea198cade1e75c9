"""HTTP plumbing of the API: request ids, security headers, health, metrics, errors at the edge."""
