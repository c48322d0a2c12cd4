"""Launch profiles and launch settings: read from the API, and put into words."""
