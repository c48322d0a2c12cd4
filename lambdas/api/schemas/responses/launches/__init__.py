"""Launch settings, as the API shows them."""
