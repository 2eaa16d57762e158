"""Several people in one workspace: what each may run, see and decide."""
