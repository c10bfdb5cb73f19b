"""Who may use the API, for what, how often and from where; and the log of every call.

`keys` (the file that `dp keys` writes) ← `ring` (the API's view of it) ← `guard`, which stands before the
application and uses `origins`, `limits`, `exchange` and `calls`. What each route needs is `scopes`.
"""
