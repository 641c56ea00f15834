"""Real DICOM files, written by pydicom."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid


def dicom_dataset(pixels: np.ndarray, *, bits: int = 12, **fields: object) -> FileDataset:
    """A dataset with one grey frame (or RGB, from an array with three channels), and any further fields."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["image"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID = meta.MediaStorageSOPClassUID
    file.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    file.Rows, file.Columns = pixels.shape[:2]
    file.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    file.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        file.PlanarConfiguration = 0
    file.BitsAllocated = 8 * pixels.dtype.itemsize
    file.BitsStored = bits
    file.HighBit = bits - 1
    file.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    file.PixelData = pixels.tobytes()
    for name, value in fields.items():
        setattr(file, name, value)
    return file


def write_dicom(path: Path, pixels: np.ndarray, **fields: object) -> FileDataset:
    """Write such a dataset; returns it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = dicom_dataset(pixels, **fields)
    file.save_as(path, enforce_file_format=True)
    return file


def ramp(low: int, high: int, *, dtype: type = np.uint16) -> np.ndarray:
    """A picture of 16 x 16 pixels that holds 256 values from low to high."""
    return np.linspace(low, high, 256).round().astype(dtype).reshape(16, 16)
