"""Where a SQLite store may not be."""

import pytest

from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import disk
from jupyter_mlops.store.disk import check_local

MOUNTED = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /home rw - nfs4 server:/export/home rw
31 30 0:31 / /home/local\\040disk rw - xfs /dev/vdb rw
32 22 0:32 / /mnt/share rw - cifs //server/share rw
33 22 0:33 / /mnt/s3 rw - fuse.s3fs s3fs rw
"""


@pytest.fixture
def mounts(tmp_path):
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTED)
    return file


@pytest.mark.parametrize("folder", ["/home/me/work", "/mnt/share", "/mnt/s3/models"])
def test_a_network_disk_is_refused_with_the_way_out(folder, mounts, tmp_path):
    with pytest.raises(Invalid) as refused:
        check_local(tmp_path.__class__(folder), mounts=mounts)
    assert refused.value.code == "workspace_on_network_disk"
    assert "JUPYTER_MLOPS_WORKSPACE" in refused.value.hint


@pytest.mark.parametrize("folder", ["/srv/work", "/home/local disk/work", "/homework"])
def test_a_local_disk_is_fine(folder, mounts, tmp_path):
    check_local(tmp_path.__class__(folder), mounts=mounts)


def test_where_mounts_cannot_be_read_nothing_is_refused(tmp_path):
    check_local(tmp_path, mounts=tmp_path / "absent")


def test_no_workspace_is_opened_on_a_network_disk(tmp_path, monkeypatch):
    line = f"40 22 0:40 / {tmp_path} rw - nfs4 server:/export rw\n"
    (tmp_path / "mountinfo").write_text(MOUNTED + line)
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mountinfo")
    with pytest.raises(Invalid, match="is on a network disk"):
        open_local(tmp_path / "workspace")
    assert not (tmp_path / "workspace" / "store.db").exists()
