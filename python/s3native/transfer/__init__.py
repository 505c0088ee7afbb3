"""Files and objects from one place to another: what the commands `cp`, `sync` and `rm` do.

`places` says where, `listing` what is there, `plan` what is to be done about it, `tasks` does one
thing, and `run` does many at once. Only `tasks` and `listing` touch files or S3.
"""
