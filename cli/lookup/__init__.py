"""Find what a person names: a run by its id, a prefix of it or `latest`, a plan by id, name or prefix."""
