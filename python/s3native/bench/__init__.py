"""`s3native bench`: how fast S3 is from this machine, what it costs, and how other clients do.

`workloads` says what is measured, `place` where; `runner` has each client do it in a process of its
own (`worker`, `operations`, `clients`); `results`, `figures` and what shows them make the report.
"""
