"""Archives, the honest and the hostile: all stays in the folder, and a refused archive leaves nothing."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from contextlib import nullcontext

import numpy as np
import pytest

from data.fetch.unpack import UnpackLimits, unpack

NOISE = np.random.default_rng(0).bytes(5_000)


def make_zip(path, entries):
    """Write (name or ZipInfo, content) pairs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def make_tar(path, entries):
    """Write (name or TarInfo, content) pairs."""
    with tarfile.open(path, "w:gz") as file:
        for name, content in entries:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


MAKERS = {"a.zip": make_zip, "a.tar.gz": make_tar, "a.tgz": make_tar}


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def refused(archive, message, **limits):
    """The archive is refused, and only it is left in its folder."""
    with pytest.raises(ValueError, match=message):
        unpack(archive, archive.parent / "out" / "set", limits=UnpackLimits(**limits))
    assert list((archive.parent / "out").iterdir()) == []
    assert sorted(path.name for path in archive.parent.iterdir()) == sorted([archive.name, "out"])


@pytest.mark.parametrize("name", MAKERS)
def test_an_archive_unpacks_to_its_files(tmp_path, name):
    content = {"x/1.png": b"one", "x/deep/er/2 (ü).png": b"two", "readme": b"", "zeros": bytes(512)}
    archive = MAKERS[name](tmp_path / name, [("./" + key, value) for key, value in content.items()])
    assert unpack(archive, tmp_path / "new" / "set") == 4
    assert tree(tmp_path / "new" / "set") == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["set"]


@pytest.mark.parametrize("name", MAKERS)
def test_a_single_folder_at_the_top_becomes_the_folder(tmp_path, name):
    archive = MAKERS[name](tmp_path / name, [("BUS/1.png", b"1"), ("BUS/masks/1.png", b"m")])
    unpack(archive, tmp_path / "new" / "set")
    assert tree(tmp_path / "new") == {"set/1.png": b"1", "set/masks/1.png": b"m"}


def test_modes_of_the_archive_are_not_taken_over(tmp_path):
    info = tarfile.TarInfo("tool")
    info.mode = 0o6777
    unpack(make_tar(tmp_path / "a.tgz", [(info, b"x")]), tmp_path / "set")
    assert not (tmp_path / "set" / "tool").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID | stat.S_IWOTH)


@pytest.mark.parametrize("archive", MAKERS)
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "x/../../evil",
        "/etc/evil",
        "//host/evil",
        "C:/evil",
        "C:evil",
        "..\\evil",
        "x/e\nvil",
        ".. /evil",
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(tmp_path, archive, name):
    refused(
        MAKERS[archive](tmp_path / archive, [("good", b"1"), (name, b"2")]),
        "which is refused: it would leave",
    )


def test_a_name_without_a_letter_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("x", b"1")])
    path.write_bytes(path.read_bytes().replace(b"x", b"\0"))  # zipfile cuts a name at its first null
    refused(path, "which is refused")


@pytest.mark.parametrize("archive", MAKERS)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("x/1.png", "x/1.png"), "'x/1.png' comes twice"),
        (("x/1.png", "x/./1.png"), "'x/1.png' comes twice"),
        (("x/1.png", "x/1.PNG"), "'x/1.PNG' is 'x/1.png' on systems that ignore capitals"),
        (("x/1.png", "X/2.png"), "'X' is 'x' on systems"),
        (("x/\u00fc.png", "x/u\u0308.png"), "on systems that ignore capitals"),
        (("x", "x/1.png"), "'x' comes twice"),
        (("x/1.png", "x"), "'x' comes twice"),
    ],
)
def test_a_name_that_stands_for_two_files_is_refused(tmp_path, archive, names, message):
    warns = archive.endswith(".zip") and names[0] == names[1]
    with pytest.warns(UserWarning, match="Duplicate") if warns else nullcontext():
        path = MAKERS[archive](tmp_path / archive, [(name, b"1") for name in names])
    refused(path, message)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    refused(make_tar(tmp_path / "a.tar.gz", [("good", b"1"), (info, b"")]), "'link', a link or device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    refused(
        make_zip(tmp_path / "a.zip", [("good", b"1"), (info, b"/etc/passwd")]), "'link', a link or device"
    )


@pytest.mark.parametrize("archive", MAKERS)
def test_a_bomb_is_refused(tmp_path, archive):
    path = MAKERS[archive](tmp_path / archive, [("zeros", bytes(40_000_000))])
    assert path.stat().st_size < 100_000
    refused(path, "would unpack to .* bytes or more, but 16777216 are allowed")


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("zeros", bytes(40_000_000))])
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<L", 40_000_000), struct.pack("<L", 1_000)))
    refused(path, "damaged or truncated|would unpack to")


def test_a_tar_bomb_behind_the_end_mark_is_refused(tmp_path):
    path = make_tar(tmp_path / "a.tgz", [("1", b"1")])
    with path.open("ab") as file:
        file.write(gzip.compress(bytes(40_000_000)))
    refused(path, "would unpack to")


def test_a_giant_header_of_a_tar_is_refused(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8**11 - 1
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(1024)))
    refused(path, r"damaged or truncated \(a header of 8589934592 bytes\)")


@pytest.mark.parametrize("archive", MAKERS)
def test_more_files_or_bytes_than_allowed_are_refused(tmp_path, archive):
    path = MAKERS[archive](tmp_path / archive, [(str(number), NOISE) for number in range(10)])
    refused(path, "holds more than 9 files", max_files=9)
    with pytest.raises(ValueError, match="but 49999 are allowed"):
        unpack(path, tmp_path / "set", limits=UnpackLimits(max_bytes=49_999))
    assert unpack(path, tmp_path / "set", limits=UnpackLimits(max_bytes=50_000, max_files=10)) == 10


@pytest.mark.parametrize("archive", MAKERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path, archive, share):
    path = MAKERS[archive](tmp_path / archive, [(f"x/{number}", NOISE) for number in range(10)])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "is damaged or truncated")


@pytest.mark.parametrize("archive", MAKERS)
def test_a_flipped_byte_is_noticed(tmp_path, archive):
    path = MAKERS[archive](tmp_path / archive, [(f"x/{number}", NOISE) for number in range(10)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)
    refused(path, "is damaged or truncated")


@pytest.mark.parametrize("cut", [1024, 1024 + 5120, 1024 + 5120 + 512])
def test_a_tar_without_its_end_is_refused(tmp_path, cut):
    """Cut before it was compressed: gzip itself has nothing to complain about."""
    path = make_tar(tmp_path / "a.tgz", [(f"x/{number}", NOISE) for number in range(3)])
    plain = gzip.decompress(path.read_bytes()).rstrip(b"\0")
    whole = plain + bytes(-len(plain) % 512 + 1024)
    path.write_bytes(gzip.compress(whole[:-cut]))
    refused(path, "is damaged or truncated")


def test_a_tar_with_a_broken_header_in_the_middle_is_refused(tmp_path):
    path = make_tar(tmp_path / "a.tgz", [("1", NOISE), ("2", NOISE)])
    plain = bytearray(gzip.decompress(path.read_bytes()))
    second = plain.index(b"2\0\0\0\0", 512)
    plain[second] = ord("3")
    path.write_bytes(gzip.compress(bytes(plain)))
    refused(path, "the end of the archive is missing")


def test_an_encrypted_zip_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("secret.png", b"1")])
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 0x1
    path.write_bytes(content)
    refused(path, r"is encrypted \('secret\.png' needs a password\)")


def test_an_existing_folder_is_not_touched(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("1", b"new")])
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "1").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="exists already"):
        unpack(archive, tmp_path / "set")
    assert tree(tmp_path / "set") == {"1": b"mine"}


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no archive that can be unpacked here: \.zip, \.tar\.gz or \.tgz"):
        unpack(tmp_path / "a.rar", tmp_path / "set")
    refused(make_zip(tmp_path / "a.zip", []), "holds no file")
