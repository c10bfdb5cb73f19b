"""The tokens of keys: `dp_<id>_<secret>`. The id finds the record, the secret proves it.

Of a token only its SHA-256 is kept. A slow, salted hash is for what people think up: it makes guessing
dear. The secret here is 256 random bits, which nobody guesses at any speed, no two tokens are alike, and no
table of hashes of them can be made. So a fast hash gives nothing away, and the API can check a
token at every request without a cache that would outlive a revocation.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

PREFIX = "dp"
_ID_BYTES = 6
_SECRET_BYTES = 32


def new_id() -> str:
    return secrets.token_hex(_ID_BYTES)


def new_token(key_id: str) -> str:
    """A fresh token for the key of that id."""
    return f"{PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def id_in(token: str) -> str | None:
    """The id of the key that a token claims to be of; None where it is no token of ours."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    return key_id if prefix == PREFIX and key_id and secret else None


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def proves(token: str, known_hash: str) -> bool:
    """Whether a token is the one of that hash, in a time that does not tell how nearly it is."""
    return hmac.compare_digest(hash_of(token), known_hash)
