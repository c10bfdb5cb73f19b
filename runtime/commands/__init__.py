"""One module a command; `runtime.cli` finds them by file name. Heavy imports only inside a command's body."""
