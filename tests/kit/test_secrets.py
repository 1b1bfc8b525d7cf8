from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dialnexa.kit.secrets import SealBroken, Vault, new_secret, sha256_hex


def test_a_sealed_secret_opens_with_the_same_master_key_only() -> None:
    vault = Vault(Fernet.generate_key())
    sealed = vault.seal("s3cret ключ")
    assert "s3cret" not in sealed
    assert vault.open(sealed) == "s3cret ключ"
    with pytest.raises(SealBroken, match="master key"):
        Vault(Fernet.generate_key()).open(sealed)


def test_the_master_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault.from_file(path), range(8)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(vault.open(vaults[0].seal("x")) == "x" for vault in vaults)
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]


def test_secrets_are_long_random_and_plain_to_read() -> None:
    one, two = new_secret("sk_live"), new_secret("sk_live")
    assert one != two
    assert one.startswith("sk_live_")
    assert len(one) == 40
    assert len(sha256_hex(one)) == 64
