"""Given splits: read and written without loss, checked against the images, refused with the ids."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.splits.fixed import given_split, read_split_file, write_split_file
from data.splits.folds import make_folds
from data.splits.leaks import leak_share, straddling_units
from data.splits.notes import split_notes
from data.splits.split import make_split, split_hash

PARTS = ["train", "train", "val", "val", "test", "test"]


def _manifest(group=None):
    ids = list("abcdef")
    return pd.DataFrame({"image_id": ids, "class": "x", "label": [0, 1] * 3, "group_id": group})


def _table(**columns):
    return pd.DataFrame({"image_id": list("abcdef"), "split": PARTS} | columns)


def _given(table, manifest=None, **options):
    options = {"source": "The split file 'x.csv'", "folds": None} | options
    return given_split(_manifest() if manifest is None else manifest, table, **options)


def _folds():
    """Three folds of two images each."""
    rows = [
        (image, part, fold)
        for fold in range(3)
        for image, part in zip("abcdef", PARTS[2 * fold :] + PARTS[: 2 * fold], strict=True)
    ]
    return pd.DataFrame(rows, columns=["image_id", "split", "fold"])


def test_a_given_split_is_taken_as_it_is_whatever_the_order_of_rows():
    found = _given(_table().sample(frac=1, random_state=1))
    assert found.left_out == ()
    assert found.split.equals(_table())


def test_given_folds_are_taken_as_they_are():
    split = _given(_folds(), folds=3).split
    assert split[["image_id", "split", "fold"]].equals(_folds())


def test_images_that_are_not_named_are_left_out_only_on_request():
    fewer = pd.concat([_table(), pd.DataFrame({"image_id": ["g"], "split": ["train"]})])
    manifest = pd.concat([_manifest(), _manifest().iloc[:2].assign(image_id=["g", "h"])])
    found = _given(fewer, manifest, others="leave out")
    assert found.left_out == ("h",)
    assert sorted(found.split["image_id"]) == list("abcdefg")
    with pytest.raises(ValueError, match=r"does not name 1 of 8 images: 'h'\. Add them, or write others"):
        _given(fewer, manifest)


def test_images_that_are_out_on_purpose_may_be_named():
    table = pd.concat([_table(), pd.DataFrame({"image_id": ["copy"], "split": ["train"]})])
    assert _given(table, excluded={"copy"}).split["image_id"].tolist() == list("abcdef")


@pytest.mark.parametrize(
    ("table", "folds", "message"),
    [
        (
            _table(split=["train", "valid", *PARTS[2:]]),
            None,
            "first 'valid' to 'b'; parts are train, val, test",
        ),
        (_table(image_id=list("abcdeX")), None, r"names 1 image\(s\) that the data set does not have: 'X'"),
        (pd.concat([_table(), _table().iloc[:1]]), None, r"names 1 image\(s\) more than once: 'a'"),
        (_table(split=["train", "train", "val", "val", "test", "val"]), None, "'test' of the split from The"),
        (_folds(), None, r"has 3 fold\(s\), but no `folds` are asked for; write folds = 3"),
        (_folds(), 5, r"has 3 fold\(s\), but folds = 5 is asked for"),
        (_table(), 3, "leave out `folds`"),
        (_folds().assign(fold=lambda f: f["fold"] + 1), 3, "numbered 0 to 2, but they are 1, 2, 3"),
        (_folds().iloc[1:], 3, r"names 1 image\(s\) in some folds only: 'a'"),
        (
            pd.concat([_table(fold=0), _table(fold=1)]),
            2,
            r"every image is tested once, but .* tests 6 image\(s\) never or more than once",
        ),
    ],
)
def test_a_table_that_is_no_split_of_the_images_is_refused(table, folds, message):
    with pytest.raises(ValueError, match=message):
        _given(table, folds=folds)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("folds", [None, 4])
def test_a_written_split_is_read_back_with_the_same_hash(tmp_path, suffix, folds):
    ids = [f'lésion, "{i}"' for i in range(40)]
    manifest = pd.DataFrame({"image_id": ids, "label": [0, 1] * 20, "group_id": None})
    shared = {"stratify": True, "group": "patient", "seed": 1, "val": 0.25}
    if folds:
        split = make_folds(manifest, folds=folds, **shared)
    else:
        split = make_split(manifest, train=0.5, test=0.25, **shared)
    path = tmp_path / f"my split{suffix}"
    assert write_split_file(path, split) == write_split_file(path, split)
    back = _given(read_split_file(path), manifest, folds=folds).split
    assert back[split.columns.tolist()].equals(split)
    assert split_hash(back) == split_hash(split)


def test_another_split_is_not_written_over(tmp_path):
    path = tmp_path / "split.csv"
    write_split_file(path, _table())
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists and holds another split"):
        write_split_file(path, _table(split=PARTS[::-1]))
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=r"must end in \.csv or \.parquet"):
        write_split_file(tmp_path / "split.txt", _table())


def test_files_from_other_programs_are_read(tmp_path):
    path = tmp_path / "split.csv"
    path.write_bytes("\ufefffold,split,image_id,note\r\n0,train,ä 1,x\r\n0,test,b,\r\n".encode())
    assert read_split_file(path).to_dict("list") == {
        "image_id": ["ä 1", "b"],
        "split": ["train", "test"],
        "fold": [0, 0],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,split\na,train\n", "must begin with the header image_id,split"),
        ("image_id,split\na,\n", "`split` is empty in 1 row"),
        ("image_id,split,fold\na,train,1.5\n", "`fold` must be a whole number in every row, but '1.5' came"),
        ("image_id,split,fold\na,train,first\n", "but 'first' came"),
        ("image_id,split\n", "lists no image"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path, text, message):
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_split_file(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*no\.csv"):
        read_split_file(tmp_path / "no.csv")


def test_groups_in_several_parts_of_a_given_split_are_named_as_leaking():
    manifest = _manifest(["p", "q", "p", "r", "p", "q"])
    assert straddling_units(_table(), manifest) == ["p", "q"]
    (note,) = split_notes(_table(), manifest, group=None)
    assert "The given split leaks: 2 patient(s) or exam(s) have images in several parts ('p', 'q')" in note
    assert "100% of the test images and 50% of the validation images" in note
    assert split_notes(_table(), _manifest(list("ppqqrr")), group=None) == ()


@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_split_leaks_where_a_held_out_image_has_a_sibling_in_training(groups):
    manifest = _manifest([f"p{g}" for g in groups])
    trained = set(groups[:2])
    assert leak_share(_table(), manifest, part="val") == sum(g in trained for g in groups[2:4]) / 2
    assert leak_share(_table(), manifest) == sum(g in trained for g in groups[4:]) / 2
    pairs = [(groups[i], PARTS[i]) for i in range(6)]
    divided = {f"p{g}" for g in groups if len({part for own, part in pairs if own == g}) > 1}
    assert straddling_units(_table(), manifest) == sorted(divided)
