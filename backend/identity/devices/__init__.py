"""Device keys and the way to higher assurance."""
