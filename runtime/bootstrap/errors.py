"""Why a set-up stopped. `./dp` prints the message in one line and exits with `exit_code`."""

from __future__ import annotations

from pathlib import Path


class SetupError(Exception):
    """The set-up cannot go on; the message says what to do about it."""

    exit_code = 3


NO_SPACE = ("no space left on device", "errno 28", "disk quota exceeded")
TAMPERED = ("hash mismatch", "do not match the hashes", "hash of the package does not match")
CERTIFICATE = (
    "pkix path",
    "certificate verify failed",
    "invalid peer certificate",
    "certificate_verify_failed",
)
NETWORK = (
    "error sending request",
    "failed to fetch",
    "dns error",
    "name resolution",
    "newconnectionerror",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "timed out",
    "no route to host",
    "unknownhostexception",
    "connectexception",
    "could not connect to host",
    "sockettimeoutexception",
    "no matching distribution found",
    "unresolved dependencies",
    "server access error",
)


def explain(what: str, log: Path) -> SetupError:
    """The error for a failed tool, judged by what it wrote into `log`."""
    text = log.read_text("utf-8", "replace")[-200_000:].lower() if log.exists() else ""

    def wrote(signs: tuple[str, ...]) -> bool:
        return any(sign in text for sign in signs)

    details = f"details: {log}"
    if wrote(NO_SPACE):
        return SetupError(f"{what}: no room left on the disk; free some and run the same again ({details})")
    if wrote(TAMPERED):
        return SetupError(
            f"{what}: a download is not the file that was pinned (SHA-256 differs) and was refused; "
            f"try again, and if it persists ask who runs your package index ({details})"
        )
    if wrote(CERTIFICATE):
        return SetupError(
            f"{what}: the server's certificate is not trusted; name your authority's PEM file in "
            f"SSL_CERT_FILE and run the same again ({details})"
        )
    if wrote(NETWORK):
        return SetupError(
            f"{what}: no network, or a download failed; check the connection (or pip's index and "
            f"HTTPS_PROXY behind a proxy) and run the same again: what is done is kept ({details})"
        )
    return SetupError(f"{what} failed ({details})")
