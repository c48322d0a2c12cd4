"""Launch settings of servers: changed for launch profiles before a launch, and put back after it.

`profiled` knows which servers of a run have a profile, `apply` changes the settings of a batch in rounds, `changing`
those of one server, and `before_start` says which servers must not be launched. `begin` starts restore-target, as does
`sweep` from the sync of the cache; its `rounds` put settings back with `restore`, once `owners` says that no job can
launch with them any more; `messages` tells operators what is left. `reserving` makes and ends capacity reservations.
`preview` says what profiles would change, and `of_run` what became of it.

Handlers in `tasks`, `runs` and routes in `api` call this room; it uses `isolation`, `target_services`, `drs` and
`store`. Each change has a row of `store.launches.settings_changes` before it is made, with what was there; a start
believes the rows of `store.launches.applied_settings` and what EC2 shows.
"""
