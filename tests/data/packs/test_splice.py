"""Joined parquet files: every reader takes them, and each file is still in them byte for byte."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.store.packs.compact_protocol import decode, encode
from data.store.packs.splice import shape, splice


def _file(n, *, seed=0, **options):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"image-{k}" for k in range(n)],
            "score": rng.random(n),
            "logit": rng.random(n).astype(np.float32),
            "label": rng.integers(0, 2, n),
            "patient": [None if k % 4 else f"p{k}" for k in range(n)],
            "ok": rng.random(n) > 0.5,
        }
    )
    sink = io.BytesIO()
    options = {"compression": "zstd", "write_page_checksum": True, **options}
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, **options)
    return frame, sink.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "none"},
        {"row_group_size": 7},
        {"write_page_index": True},
        {"use_dictionary": False, "data_page_version": "2.0"},
        {"write_statistics": False, "store_schema": False},
    ],
)
def test_what_is_joined_reads_as_all_rows_and_holds_each_file(options):
    frames, files = {}, {}
    for k, n in enumerate((1, 30, 400, 5)):
        frames[f"f{k}"], files[f"f{k}"] = _file(n, seed=k, **options)
    joined, places = splice(files)
    with pq.ParquetFile(io.BytesIO(joined), page_checksum_verification=True) as file:
        read = file.read().to_pandas()
        groups = [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]
    pd.testing.assert_frame_equal(read, pd.concat(frames.values(), ignore_index=True))
    assert sum(groups) == 436
    for name, (offset, size) in places.items():
        assert joined[offset : offset + size] == files[name]
    one = pq.read_table(io.BytesIO(joined), filters=[("score", ">", 0.5), ("label", "==", 1)]).to_pandas()
    assert (
        len(one) == ((read["score"] > 0.5) & (read["label"] == 1)).sum()
    )  # statistics are those of the rows


def test_many_files_need_long_lists_and_large_numbers():
    _, file = _file(50)
    joined, places = splice({f"f{k}": file for k in range(300)})
    with pq.ParquetFile(io.BytesIO(joined)) as read:
        assert read.metadata.num_row_groups == 300
        assert read.metadata.num_rows == 15_000
        assert read.read_row_group(299).equals(pq.read_table(io.BytesIO(file)))
    assert places["f299"][0] > 2**16


def test_a_footer_is_written_as_it_was_read():
    for options in ({}, {"write_page_index": True}, {"row_group_size": 3}):
        _, file = _file(40, **options)
        size = int.from_bytes(file[-8:-4], "little")
        footer = file[-8 - size : -8]
        assert encode(decode(footer)) == footer


def test_files_of_other_columns_or_notes_are_refused():
    (_, one), (_, noted) = _file(3), _file(3, store_schema=False)
    other = io.BytesIO()
    pq.write_table(pa.table({"id": ["a"]}), other)
    assert len({shape(one), shape(noted), shape(other.getvalue())}) == 3
    for second in (noted, other.getvalue()):
        with pytest.raises(ValueError, match="columns or notes of 'b' are not those of 'a'"):
            splice({"a": one, "b": second})
    with pytest.raises(ValueError, match="No file came"):
        splice({})


def test_what_is_no_parquet_file_is_a_value_error():
    _, file = _file(20)
    rng = np.random.default_rng(0)
    size = int.from_bytes(file[-8:-4], "little")
    for content in (b"", b"PAR1", b"PAR1PAR1PAR1", file[:-1], file[1:], file[:-8] + b"\xff\xff\xff\x7fPAR1"):
        with pytest.raises(ValueError, match=r"it is no parquet|footer"):
            shape(content)
    for _ in range(500):  # damaged footers: an error in words or another footer, never another error
        damaged = bytearray(file)
        for _ in range(3):
            damaged[-8 - int(rng.integers(1, size))] = int(rng.integers(256))
        try:
            splice({"a": bytes(damaged)})
        except ValueError:
            continue
