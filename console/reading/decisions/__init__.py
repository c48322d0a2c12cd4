"""What people can decide about a run: the choices that are open, and what each will do."""
