"""A signature is right for one text, one purpose and one key, here as by `ssh-keygen`."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from conftest import absent
from jupyter_mlops.domain.keys import NAMESPACE, TOUCHED, read_key, read_signature
from jupyter_mlops.errors import Invalid, MlopsError, Refused
from jupyter_mlops.services.signatures import verify, worth
from signing import armour, bare, pen

SAID = '{"verdict":"approved","comment":"よし"}'
ANN = pen()


@pytest.fixture
def ssh_keygen():
    """OpenSSH's own tool."""
    found = shutil.which("ssh-keygen")
    if not found:
        absent("no ssh-keygen")
    return found


def run(*argv, said=SAID):
    return subprocess.run(argv, input=said.encode(), capture_output=True, check=False)


@pytest.mark.parametrize("hashed", ["sha512", "sha256"])
def test_a_signature_is_right_for_its_text(hashed):
    signature = verify(ANN.sign(SAID, hashed=hashed), SAID)
    assert signature.key == ANN.key
    assert worth(signature) == "signed"


def test_what_ssh_keygen_signs_is_right_here(ssh_keygen, tmp_path):
    key = ANN.kept(tmp_path, "ann")
    signed = run(ssh_keygen, "-Y", "sign", "-f", key, "-n", NAMESPACE)
    assert verify(signed.stdout.decode(), SAID).key == ANN.key


def test_what_is_right_here_is_right_for_ssh_keygen(ssh_keygen, tmp_path):
    (tmp_path / "who").write_text(f"ann {ANN.key.line}\n")
    for said, ends in ((SAID, 0), (SAID + " ", 255)):
        (tmp_path / "sig").write_text(ANN.sign(SAID))
        argv = ["-Y", "verify", "-f", tmp_path / "who", "-I", "ann", "-n", NAMESPACE]
        done = run(ssh_keygen, *argv, "-s", tmp_path / "sig", said=said)
        assert done.returncode == ends, done.stderr


def test_a_fingerprint_is_what_ssh_keygen_shows(ssh_keygen, tmp_path):
    key = ANN.kept(tmp_path, "ann")
    shown = run(ssh_keygen, "-l", "-f", f"{key}.pub").stdout.decode()
    assert shown.split()[1] == ANN.key.fingerprint


def test_a_touched_device_proves_that_somebody_was_there():
    device = pen(TOUCHED)
    assert worth(verify(device.sign(SAID, flags=0x05), SAID)) == "present"


def touched_later(signed):
    """Raise the flag of user presence in a signature that was given without it."""
    held = bare(signed)
    return armour(held[:-5] + b"\x05" + held[-4:])


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        (pen(TOUCHED).sign(SAID, flags=0x04), "signature_untouched"),
        (touched_later(pen(TOUCHED).sign(SAID, flags=0x04)), "signature_wrong"),
        (ANN.sign(SAID + "."), "signature_wrong"),
        (ANN.sign(SAID, namespace="git"), "signature_namespace"),
        (ANN.sign(SAID, hashed="sha1"), "signature_hash"),
        (armour(bare(ANN.sign(SAID)) + b"\0"), "signature_unreadable"),
        (armour(bare(ANN.sign(SAID))[:-1]), "signature_unreadable"),
        (ANN.sign(SAID)[:-9], "signature_unreadable"),
        (ANN.sign(SAID).replace("SSH SIG", "PGP SIG"), "signature_unreadable"),
        ("", "signature_unreadable"),
        ("A" * 100_000, "signature_unreadable"),
    ],
)
def test_what_is_not_right_is_refused_by_name(signed, code):
    with pytest.raises((Refused, Invalid)) as refused:
        verify(signed, SAID)
    assert refused.value.code == code


def test_a_signature_under_another_key_is_not_right():
    mallory = pen()
    data = bare(ANN.sign(SAID)).replace(ANN.key.raw, mallory.key.raw)
    with pytest.raises(Refused) as refused:
        verify(armour(data), SAID)
    assert refused.value.code == "signature_wrong"


@given(some.binary(max_size=300))
def test_whatever_bytes_come_only_our_error_is_raised(data):
    for text in (armour(data), armour(b"SSHSIG" + data), armour(b"SSHSIG\0\0\0\1" + data)):
        with pytest.raises(MlopsError):
            verify(text, SAID)


@given(some.data())
def test_no_changed_byte_goes_unnoticed(data):
    whole = bytearray(bare(ANN.sign(SAID)))
    at = data.draw(some.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(some.integers(1, 255))
    with pytest.raises(MlopsError):
        verify(armour(bytes(whole)), SAID)


@given(some.text(max_size=200))
def test_whatever_text_comes_as_a_key_only_our_error_is_raised(text):
    for line in (text, f"ssh-ed25519 {text}", f"{TOUCHED} {text}"):
        with pytest.raises(Invalid):
            read_key(line)


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256"])
def test_other_kinds_of_keys_are_not_read(kind):
    with pytest.raises(Invalid, match="only Ed25519"):
        read_key(f"{kind} AAAA")


def test_a_key_reads_back_as_it_was_written():
    for made in (ANN, pen(TOUCHED)):
        assert read_key(made.key.line + " a remark") == made.key
        assert read_signature(made.sign(SAID)).key == made.key
