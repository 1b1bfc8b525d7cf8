"""Keys and secrets: making them, hashing them, and sealing what must be read again."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_KEY_LENGTH = 32


def new_secret(prefix: str) -> str:
    """Return ``<prefix>_`` and 32 unambiguous random characters (about 186 bits)."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_KEY_LENGTH))}"


def sha256_hex(text: str) -> str:
    """Return the SHA-256 of a secret, the only form in which keys are stored: they are random, so it needs no salt."""
    return hashlib.sha256(text.encode()).hexdigest()


class SealBroken(Exception):
    """A sealed value cannot be opened: it was sealed with another master key, or altered."""


class Vault:
    """Seals secrets that must be read again (trunk passwords, first keys) with the installation's master key.

    Source: Fernet (AES-128-CBC with HMAC-SHA256), from the ``cryptography`` package.
    """

    def __init__(self, master_key: str | bytes) -> None:
        self._fernet = Fernet(master_key)

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Open the vault of a master key file, making the file (mode 600) when there is none.

        Several processes may start at once: only one of them writes the file, the others read it.
        """
        if not path.exists():
            _create_once(path, Fernet.generate_key())
        return cls(path.read_bytes().strip())

    def seal(self, plain: str) -> str:
        """Return the text in sealed form, safe to store."""
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the text that was sealed; raise ``SealBroken`` when the master key is another."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBroken("This value was sealed with another master key; restore the master.key file.") from error


def _create_once(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    try:
        os.link(draft, path)  # fails when another process was first, and never shows a half-written file
    except FileExistsError:
        pass
    finally:
        draft.unlink()
