"""Where a SQLite store may not be."""

import pytest

from jupyter_mlops.errors import Invalid
from jupyter_mlops.store.disk import check_local

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /home rw - nfs4 server:/export/home rw
31 30 0:31 / /home/local\\040disk rw - xfs /dev/vdb rw
32 22 0:32 / /mnt/share rw - cifs //server/share rw
33 22 0:33 / /mnt/s3 rw - fuse.s3fs s3fs rw
"""


@pytest.fixture
def mounts(tmp_path):
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
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
