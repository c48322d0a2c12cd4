"""Launch settings of servers: changed for launch profiles before a launch, and put back after it.

`profiled` knows which servers of a run have a profile, `apply` changes the settings of a batch in rounds, `changing`
those of one server, and `before_start` says which servers must not be launched. `restore` puts settings back once
`owners` says that no job can launch with them any more, and `messages` tells operators what it left. Handlers in
`tasks`, `runs` and routes in `api` call this room; it uses `isolation`, `target_services`, `drs` and `store`. Whatever
it changes has a row of `store.launches.settings_changes` before, with what was there; a start believes the rows of
`store.launches.applied_settings` and what EC2 shows.
"""
