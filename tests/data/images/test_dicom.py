"""DICOM frames: rescaled, windowed, inverted as the standard says; the rest refused with a reason."""

import numpy as np
import pytest
from pydicom.dataset import Dataset as DicomDataset
from pydicom.pixels import apply_rescale, apply_windowing
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from data.images.dicom import decode_dicom
from data.images.pixels import probe_image, read_pixels
from data.images.window import parse_window
from data.registry import load_dataset
from tests.data.dicom_files import ramp, write_dicom

# Half a grey level is the rounding to whole numbers; the rest is float64 against pydicom's own arithmetic.
ROUNDING = 0.5 + 1e-6


def _read(tmp_path, pixels, *, window="file", **fields):
    write_dicom(tmp_path / "x.dcm", pixels, **fields)
    return read_pixels(tmp_path / "x.dcm", window=window)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(1000, 400), (2047.5, 4096), (10, 1), (4000, 900)])
def test_windows_against_pydicom(tmp_path, function, center, width):
    fields = {"WindowCenter": center, "WindowWidth": width, "VOILUTFunction": function}
    file = write_dicom(tmp_path / "x.dcm", ramp(0, 4095), **fields)
    expected = apply_windowing(file.pixel_array, file) / 4095 * 255
    got = read_pixels(tmp_path / "x.dcm")
    assert got.dtype == np.uint8
    assert np.abs(got - expected).max() <= ROUNDING
    assert got.min() < got.max()


def test_the_window_acts_on_rescaled_values_against_pydicom(tmp_path):
    fields = {"RescaleSlope": 2, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 400}
    file = write_dicom(tmp_path / "x.dcm", ramp(0, 1100), **fields)
    rescaled = apply_rescale(file.pixel_array, file)
    windowed = apply_windowing(rescaled, file)
    low, high = -1024, 4095 * 2 - 1024  # pydicom maps to the full range of the rescaled stored bits
    got = read_pixels(tmp_path / "x.dcm")
    assert np.abs(got - (windowed - low) / (high - low) * 255).max() <= ROUNDING


def test_the_standards_own_example_of_a_window(tmp_path):
    # PS3.3 C.11.2.1.2.1: centre 2048, width 4096 is the identity of 12 bits.
    got = _read(tmp_path, ramp(0, 4095), WindowCenter=2048, WindowWidth=4096)
    assert np.array_equal(got, np.rint(ramp(0, 4095) / 4095 * 255))


def test_signed_values_without_window_show_the_full_range_with_a_note(tmp_path):
    pixels = ramp(-2048, 2047, dtype=np.int16)
    assert np.array_equal(_read(tmp_path, pixels), np.rint((pixels + 2048.0) / 4095 * 255))
    facts = probe_image(tmp_path / "x.dcm")
    assert facts.note.startswith("have no window of their own: the full range of their stored bits")
    assert (facts.width, facts.height, facts.mode) == (16, 16, "MONOCHROME2")


def test_eight_bits_without_window_stay_as_they_are(tmp_path):
    pixels = ramp(3, 250, dtype=np.uint8)
    assert np.array_equal(_read(tmp_path, pixels, bits=8), pixels)
    assert probe_image(tmp_path / "x.dcm").note is None


def test_monochrome1_is_the_inverse_of_monochrome2(tmp_path):
    fields = {"WindowCenter": 1000, "WindowWidth": 1500}
    bright = _read(tmp_path, ramp(0, 4095), **fields)
    dark = _read(tmp_path, ramp(0, 4095), PhotometricInterpretation="MONOCHROME1", **fields)
    assert np.array_equal(dark, 255 - bright)


def test_a_declared_window_comes_before_that_of_the_file(tmp_path):
    own = {"WindowCenter": 100, "WindowWidth": 10}
    declared = _read(tmp_path, ramp(0, 4095), window=(2048.0, 4096.0), **own)
    assert np.array_equal(declared, np.rint(ramp(0, 4095) / 4095 * 255))
    assert np.array_equal(_read(tmp_path, ramp(0, 4095), window="full", **own), declared)
    assert not np.array_equal(_read(tmp_path, ramp(0, 4095), **own), declared)


def test_the_first_of_several_windows_is_used_with_a_note(tmp_path):
    several = _read(tmp_path, ramp(0, 4095), WindowCenter=[1000, 50], WindowWidth=[400, 20])
    assert "have several windows: the first one" in probe_image(tmp_path / "x.dcm").note
    assert np.array_equal(several, _read(tmp_path, ramp(0, 4095), WindowCenter=1000, WindowWidth=400))


def test_colour_frames_are_read_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(_read(tmp_path, pixels, bits=8), pixels)
    assert probe_image(tmp_path / "x.dcm").mode == "RGB"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_transfer_syntaxes_give_the_same_pixels(tmp_path, syntax):
    expected = _read(tmp_path, ramp(0, 4095))
    file = write_dicom(tmp_path / "x.dcm", ramp(0, 4095))
    file.file_meta.TransferSyntaxUID = syntax
    file.save_as(tmp_path / "y.dcm", implicit_vr=syntax.is_implicit_VR, little_endian=True)
    assert np.array_equal(read_pixels(tmp_path / "y.dcm"), expected)


def test_compressed_pixels_are_refused(tmp_path):
    file = write_dicom(tmp_path / "x.dcm", ramp(0, 4095))
    file.compress(RLELossless)
    file.save_as(tmp_path / "rle.dcm", enforce_file_format=True)
    with pytest.raises(ValueError, match=r"compressed .RLE Lossless.; write it uncompressed first"):
        read_pixels(tmp_path / "rle.dcm")
    file.file_meta.TransferSyntaxUID = JPEG2000Lossless
    file.save_as(tmp_path / "j2k.dcm", enforce_file_format=True)
    with pytest.raises(ValueError, match=r"compressed .JPEG 2000 Image Compression"):
        read_pixels(tmp_path / "j2k.dcm")


def _table():
    table = DicomDataset()
    table.LUTDescriptor = [4096, 0, 8]
    table.LUTData = b"\0" * 4096
    return [table]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"NumberOfFrames": 16, "Rows": 1}, "it holds 16 frames, but one is needed"),
        ({"PhotometricInterpretation": "YBR_FULL"}, "its photometric interpretation is YBR_FULL"),
        ({"PhotometricInterpretation": "RGB"}, r"RGB with 1 sample.s. per pixel is contradictory"),
        ({"VOILUTSequence": _table()}, r"lookup table .VOI LUT Sequence. instead of a window; give the opt"),
        ({"ModalityLUTSequence": _table()}, "lookup table .Modality LUT Sequence. instead of slope"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "the window width 0 is too small"),
        ({"WindowCenter": [5, 6], "WindowWidth": 9}, r"2 window centre.s., but 1 width"),
        ({"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": "CURVED"}, "'CURVED' is unknown"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "rescale slope 0 and intercept 0 are impossible"),
    ],
)
def test_frames_that_are_refused(tmp_path, fields, message):
    with pytest.raises(ValueError, match=r"The image '.*x\.dcm' cannot be used: .*" + message):
        _read(tmp_path, ramp(0, 4095), **fields)


# pydicom warns of the half values that it meets on its way to the fault.
@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path):
    write_dicom(tmp_path / "x.dcm", ramp(0, 4095), WindowCenter=5, WindowWidth=9)
    content = (tmp_path / "x.dcm").read_bytes()
    for length in range(132, len(content), 7):
        with pytest.raises(ValueError, match="a damaged or incomplete DICOM file"):
            decode_dicom(content[:length])


@pytest.mark.parametrize(
    ("value", "window"),
    [("file", "file"), ("full", "full"), ([40, 400], (40.0, 400.0)), ("40,400", (40.0, 400.0))],
)
def test_windows_of_options(value, window):
    assert parse_window(value) == window


@pytest.mark.parametrize("value", ["wide", [40], [40, 0.5], "a,b", 7, [float("nan"), 9], [1, 2, 3]])
def test_options_that_are_no_window(value):
    with pytest.raises(ValueError, match=r"file.*full.*centre and width|width must be at least 1"):
        parse_window(value)


def test_a_data_set_of_dicom_files(tmp_path):
    for seed, name in enumerate(("cats/1.dcm", "cats/2.dcm", "dogs/1.dcm")):
        write_dicom(tmp_path / name, ramp(seed, 4000 - seed))
    (tmp_path / "list.csv").write_text("path,label\ncats/1.dcm,cat\ndogs/1.dcm,dog\n")
    dataset = load_dataset("folder", data_root=tmp_path, options={"path": "."})
    assert dataset.manifest["mode"].tolist() == ["MONOCHROME2"] * 3
    assert any(note.startswith("3 DICOM file(s) have no window of their own") for note in dataset.notes)
    narrow = load_dataset("manifest", data_root=tmp_path, options={"path": "list.csv", "window": [100, 50]})
    assert narrow.read_image("cats/1.dcm").max() == 255
    assert not narrow.notes
    # Another window, other pixels: the hash that cell ids are made of must differ.
    wide = load_dataset("manifest", data_root=tmp_path, options={"path": "list.csv", "window": "full"})
    hashes = [frame.manifest["sha256"].iloc[0] for frame in (dataset, narrow, wide)]
    assert len(set(hashes)) == 3
    with pytest.raises(ValueError, match=r"`window` of the data set 'folder': it must be \"file\", \"full\""):
        load_dataset("folder", data_root=tmp_path, options={"path": ".", "window": "wide"})
