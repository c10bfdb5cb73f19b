"""The OpenAPI document: Litestar's, which knows paths, parameters and bodies, completed with what it does not
know.

`schemas` (of structs) and `problems` (what a route can answer besides) are derived; `examples` and
`operations` are written by hand; `document` puts them together, and `rendering` serves it.
"""
