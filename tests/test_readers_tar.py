"""SA-1B's tars, read in place."""

import multiprocessing
import pickle
import tarfile

import numpy as np
import pytest
from conftest import write_scene

from squeezesam.data.sa1b import Sa1bTar
from squeezesam.errors import DataError

BLOCK = tarfile.BLOCKSIZE


def write_tar(path, source, names, prefix="./"):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            for suffix in (".jpg", ".json"):
                tar.add(source / f"{name}{suffix}", f"{prefix}{name}{suffix}")


@pytest.fixture
def masks(tmp_path):
    return {name: write_scene(tmp_path / "loose", name, ord(name)) for name in "abcd"}


@pytest.fixture
def shard(tmp_path, masks):
    path = tmp_path / "sa_000.tar"
    write_tar(path, tmp_path / "loose", masks)
    return path


def member_offset(path, name):
    with tarfile.open(path) as tar:
        return tar.getmember(name).offset


@pytest.mark.parametrize("prefix", ["./", "", "sa_000/"])
def test_photos_and_masks_are_read_in_place(tmp_path, masks, prefix):
    write_tar(tmp_path / "x.tar", tmp_path / "loose", masks, prefix)
    dataset = Sa1bTar.open(tmp_path / "x.tar")
    folder = prefix.removeprefix("./")
    assert (dataset.name, dataset.skipped) == ("x", ())
    assert [image.name for image in dataset] == [f"{folder}{name}.jpg" for name in "abcd"]
    for image, mask in zip(dataset, masks.values(), strict=True):
        np.testing.assert_array_equal(image.annotations[0].mask(), mask)
        assert image.pixels().shape == (72, 96, 3)


def test_folder_of_tars_is_one_data_set(tmp_path, masks):
    shards = tmp_path / "shards"
    shards.mkdir()
    write_tar(shards / "sa_1.tar", tmp_path / "loose", "cd")
    write_tar(shards / "sa_0.tar", tmp_path / "loose", "ab")
    (shards / "sa_2.tar").write_bytes(b"not a tar at all" * 100)
    dataset = Sa1bTar.open(shards)
    assert [image.name for image in dataset] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    np.testing.assert_array_equal(dataset[3].annotations[0].mask(), masks["d"])
    assert [each.name for each in dataset.skipped] == ["sa_2.tar"]


def test_cut_tar_keeps_what_is_whole(shard):
    whole = shard.read_bytes()
    shard.write_bytes(whole[: member_offset(shard, "./c.json") + BLOCK + 5])
    dataset = Sa1bTar.open(shard)
    assert [image.name for image in dataset] == ["a.jpg", "b.jpg"]
    reasons = {each.name: each.reason for each in dataset.skipped}
    assert reasons == {
        "sa_000.tar/c.json": "the tar is cut off inside it",
        "sa_000.tar/c.jpg": "it has no JSON",
    }


def test_tar_cut_between_files_is_noticed(shard):
    shard.write_bytes(shard.read_bytes()[: member_offset(shard, "./c.jpg")])
    dataset = Sa1bTar.open(shard)
    assert len(dataset) == 2
    assert [each.reason for each in dataset.skipped] == ["damaged or cut off after 4 files"]


def test_damaged_header_loses_its_own_file_only(shard):
    damaged = bytearray(shard.read_bytes())
    damaged[member_offset(shard, "./b.jpg") + 3] ^= 0xFF
    shard.write_bytes(damaged)
    dataset = Sa1bTar.open(shard)
    assert [image.name for image in dataset] == ["a.jpg", "c.jpg", "d.jpg"]
    assert [each.name for each in dataset.skipped] == ["sa_000.tar/b.json"]


@pytest.mark.parametrize("name", ["sa.tgz", "sa.tar.gz"])
def test_compressed_tar_is_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x1f\x8b")
    with pytest.raises(DataError, match="unpack it"):
        Sa1bTar.open(tmp_path / name)


@pytest.mark.parametrize("content", [b"", bytes(2000), b"text" * 500])
def test_tar_without_photos_is_refused(tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.tar"):
        Sa1bTar.open(tmp_path / "x.tar")


def test_shard_that_shrinks_later_is_a_data_error(shard):
    dataset = Sa1bTar.open(shard)
    image = dataset[3]
    shard.write_bytes(shard.read_bytes()[:BLOCK])
    with pytest.raises(DataError, match=r"d\.jpg .* cannot be read"):
        dataset[3]
    with pytest.raises(DataError, match=r"photo d\.jpg cannot be read"):
        image.pixels()


def checksum(dataset, index):
    return int(dataset[index].pixels().sum())


def test_forked_processes_read_side_by_side(shard):
    dataset = Sa1bTar.open(shard)
    jobs = [(dataset, index % 4) for index in range(40)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sums = pool.starmap(checksum, jobs)
    assert sums == [checksum(*job) for job in jobs]
    assert checksum(pickle.loads(pickle.dumps(dataset)), 2) == sums[2]
