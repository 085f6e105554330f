"""The web base: what every operation of the API shares.

`permissions.py` is the one table of who may do what; `blueprint.py` enforces and documents a row and opens the
request's one transaction; `problems.py` maps errors to RFC 9457; `caller.py` says who asks; `idempotency.py`,
`paging.py`, `limits.py` and `guards.py` do what their names say; `runtime.py` holds what the factory built.
"""
