"""Bytes kept by content."""

import pytest

from jupyter_mlops.errors import Corrupt, Invalid, NotFound
from jupyter_mlops.store.artifacts import Artifacts, digest_of


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path / "artifacts")


def test_bytes_come_back_under_their_digest(artifacts):
    digest = artifacts.put(b"model")
    assert digest == digest_of(b"model")
    assert artifacts.get(digest) == b"model"


def test_the_same_bytes_are_kept_once(artifacts, tmp_path):
    artifacts.put(b"model")
    artifacts.put(b"model")
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_a_file_is_taken_from_where_it_is_and_given_piece_by_piece(artifacts, tmp_path):
    for _ in range(2):
        (file := tmp_path / "written").write_bytes(b"0123456789")
        digest = artifacts.take(file)
        assert not file.exists()
    assert digest == digest_of(b"0123456789")
    assert list(artifacts.pieces(digest, size=4)) == [b"0123", b"4567", b"89"]
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_changed_bytes_are_never_handed_out(artifacts, tmp_path):
    digest = artifacts.put(b"model")
    file = next(p for p in tmp_path.rglob("*") if p.is_file())
    file.chmod(0o600)
    file.write_bytes(b"other")
    with pytest.raises(Corrupt) as refused:
        artifacts.get(digest)
    assert refused.value.code == "artifact_changed"


def test_unknown_bytes_are_not_found(artifacts):
    with pytest.raises(NotFound):
        artifacts.get(digest_of(b"nothing"))


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "sha256:../x", "sha256:" + "0" * 63, "sha256:" + "G" * 64]
)
def test_only_a_digest_is_looked_for(name, artifacts):
    with pytest.raises(Invalid):
        artifacts.get(name)
