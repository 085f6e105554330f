"""Key files and profiles: private, not overwritten, plain about what is wrong; pins survive and never change."""

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gongxin_client import BadInput, Profile, keys
from gongxin_client import profile as profiles
from gongxin_client.profile import Pins

from .client_fake import CLIENT, ISSUER


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    keys.save(keys.generate(), tmp_path / "bank.pem")
    return tmp_path / "bank.pem"


@pytest.fixture
def profile_file(tmp_path: Path, key_file: Path) -> Path:
    path = tmp_path / "bank.toml"
    profiles.write(Profile(ISSUER, CLIENT, keys.load(key_file), key_path=key_file), path)
    return path


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", keys.ALGORITHMS)
@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_a_key_file_is_private_and_reads_back(tmp_path: Path, alg: str, passphrase: bytes | None) -> None:
    made = keys.generate(alg)
    keys.save(made, tmp_path / "k.pem", passphrase)
    assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600
    assert keys.load(tmp_path / "k.pem", passphrase).jwk == made.jwk
    assert "d" not in made.jwk
    assert made.kid not in repr(made.private)
    if passphrase:
        for wrong in (None, b"other"):
            with pytest.raises(BadInput, match="key_not_parsed"):
                keys.load(tmp_path / "k.pem", wrong)


def test_a_key_file_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(BadInput, match="key_exists"):
        keys.save(keys.generate(), key_file)
    assert key_file.read_bytes() == before


def test_a_key_file_that_others_can_read_is_refused(key_file: Path) -> None:
    key_file.chmod(0o640)
    with pytest.raises(BadInput, match="key_open_to_others"):
        keys.load(key_file)


@pytest.mark.parametrize("private", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_another_kind_of_key_is_refused(tmp_path: Path, private: Any) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(BadInput, match="key_kind"):
        keys.load(path)


def test_the_thumbprints_are_those_of_the_rfcs() -> None:
    ed25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig"}
    assert keys.thumbprint(ed25519) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 appendix A.3"
    p256 = {
        "kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    }  # fmt: skip
    assert keys.thumbprint(p256) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "RFC 9449 section 6.1"


# --- profiles ---------------------------------------------------------------------------------------------------------


def test_a_profile_reads_back_with_its_key_beside_it(profile_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    found = profiles.read(profile_file, {})
    assert (found.registry, found.client_id, found.member_id) == (ISSUER, CLIENT, None)
    assert profile_file.stat().st_mode & 0o077 == 0
    assert 'key = "bank.pem"' in profile_file.read_text()


def test_variables_override_the_file_or_replace_it(profile_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    keys.save(keys.generate("EdDSA"), other, b"pass")
    env = {
        "GONGXIN_MEMBER_CLIENT_ID": "c2", "GONGXIN_MEMBER_KEY": str(other), "GONGXIN_MEMBER_KEY_PASSPHRASE": "pass",
        "GONGXIN_MEMBER_REGISTRY": "https://two.example",
    }  # fmt: skip
    for path in (profile_file, tmp_path / "none.toml"):
        found = profiles.read(path, env)
        assert (found.client_id, found.key.alg, found.registry) == ("c2", "EdDSA", "https://two.example")
    assert profiles.read(None, {"GONGXIN_MEMBER_PROFILE": str(profile_file)}).client_id == CLIENT


def test_a_passphrase_comes_from_a_file(tmp_path: Path) -> None:
    keys.save(keys.generate(), tmp_path / "k.pem", b"pass")
    (tmp_path / "secret").write_bytes(b"pass\r\nsecond line\n")
    text = f'registry = "{ISSUER}"\nclient_id = "c"\nkey = "k.pem"\npassphrase_file = "secret"\n'
    (tmp_path / "p.toml").write_text(text)
    assert profiles.read(tmp_path / "p.toml", {}).client_id == "c"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "profile_incomplete"), ("registry = 3", "profile_unknown"), ("nonsense = 1", "profile_unknown"),
        ("x", "profile_unreadable"), ("pins = 1", "profile_unknown"), ("[pins]\nreceipts = 1", "profile_unknown"),
        ("[pins.receipts]\na = 1", "profile_unknown"),
    ],
)  # fmt: skip
def test_a_profile_that_is_wrong_says_where(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(BadInput, match=code):
        profiles.read(tmp_path / "p.toml", {})


@pytest.mark.parametrize(
    "address",
    [
        "http://registry.example",
        "https://registry.example/",
        "registry.example",
        "ftp://x",
        "https://",
        "https://x?y=1",
    ],
)
def test_a_registry_is_spoken_to_over_tls(address: str) -> None:
    with pytest.raises(BadInput, match="bad_address"):
        Profile(address, CLIENT, keys.generate())


@pytest.mark.parametrize(
    "address", ["https://r.example", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"]
)
def test_plain_http_is_for_this_machine(address: str) -> None:
    assert Profile(address, CLIENT, keys.generate()).registry == address


def test_pins_are_written_down_and_never_replaced(profile_file: Path) -> None:
    found = profiles.read(profile_file, {})
    found.remember(receipts={"a": "A"}, subjects={"debtor/1": "S"}, member_id="m1")
    found.remember(receipts={"a": "OTHER", "b": "B"}, member_id="m2")
    again = profiles.read(profile_file, {})
    assert again.pins == Pins({"a": "A", "b": "B"}, {"debtor/1": "S"})
    assert again.member_id == "m1"


def test_two_processes_pin_into_one_file_and_the_first_word_stands(profile_file: Path) -> None:
    one, two = profiles.read(profile_file, {}), profiles.read(profile_file, {})
    one.remember(receipts={"a": "A"})
    two.remember(receipts={"a": "EVIL", "b": "B"})
    assert profiles.read(profile_file, {}).pins.receipts == {"a": "A", "b": "B"}
    assert two.pins.receipts["a"] == "A"


def test_a_profile_is_not_overwritten_unasked(profile_file: Path) -> None:
    found = profiles.read(profile_file, {})
    with pytest.raises(BadInput, match="profile_exists"):
        profiles.write(found, profile_file)


def test_odd_names_survive_the_file(tmp_path: Path, key_file: Path) -> None:
    odd = 'a"b\\c\n\x7f中'
    path = tmp_path / "odd.toml"
    profiles.write(Profile(ISSUER, odd, keys.load(key_file), key_path=key_file, pins=Pins({odd: odd})), path)
    found = profiles.read(path, {})
    assert (found.client_id, found.pins.receipts) == (odd, {odd: odd})


def test_nothing_half_written_is_left_behind(profile_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = profiles.read(profile_file, {})
    before = profile_file.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        found.remember(receipts={"a": "A"})
    assert profile_file.read_bytes() == before
    assert not [p for p in profile_file.parent.iterdir() if p.name.startswith(".bank")]
