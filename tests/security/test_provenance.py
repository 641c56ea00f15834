"""run.json tells versions, machine and commands, and neither secrets nor who sat there."""

import getpass
import json
import platform
import sys
from pathlib import Path

import pytest

from data.store import Store
from manuscript.origin import typed_store
from study.run.private import without_private
from study.run.provenance import begin_run, finish_run


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://KEY:SECRET@host/bucket", "s3://***@host/bucket"),
        ("s3://KEY:SEC/RE@T@bucket/x", "s3://***@bucket/x"),
        ("https://host:9000/a@b", "https://host:9000/a@b"),
        ("git+https://token@host/x", "git+https://***@host/x"),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("a bearer abc", "a bearer ***"),
        ("{'password': 'a b', 'n': 1}", "{'password': ***, 'n': 1}"),
        ("https://x.org/a?token=abc&size=3", "https://x.org/a?token=***&size=3"),
        ("--storage-key=abc", "--storage-key=***"),
        ("X-Amz-Signature=abc&b=1", "X-Amz-Signature=***&b=1"),
        (str(Path.home() / "data" / "busi"), "~/data/busi"),
        ("head=Linear", "head=Linear"),
        ("runs/demo", "runs/demo"),
        ("a@b", "a@b"),
    ],
)
def test_log_ins_secrets_and_the_home_folder_are_left_out(text: str, shown: str) -> None:
    assert without_private([{"a": (text,)}]) == [{"a": [shown]}]


def test_the_value_of_a_secret_option_or_field_is_left_out() -> None:
    command = ["run-grid", "--hub-token", "abc", "--store", "x", "--api-key", "--resume"]
    shown = ["run-grid", "--hub-token", "***", "--store", "x", "--api-key", "--resume"]
    assert without_private(command) == shown
    fields = {"aws_secret_access_key": "abc", "password": "x", "key": "image", "tokens": 3, "monkey": "m"}
    assert without_private(fields) == {**fields, "aws_secret_access_key": "***", "password": "***"}


def test_the_article_names_a_store_without_its_log_in() -> None:
    assert typed_store("sftp://me:secret@host/runs/a@b") == "sftp://host/runs/a@b"
    assert typed_store("s3://bucket/runs/x") == "s3://bucket/runs/x"


def test_run_json_holds_no_variable_of_the_environment_and_no_name(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecretvalue")
    monkeypatch.setattr(sys, "argv", ["study", "run-grid", "--store", "s3://me:topsecretvalue@h/b"])
    store = Store.create(tmp_path / "store")
    begin_run(store, {"data_root": str(Path.home() / "x")}, token="0123")
    finish_run(store, {"cells": 1}, token="0123")
    text = (store.root / "run.json").read_text(encoding="utf-8")
    assert "topsecretvalue" not in text
    assert platform.node() not in text or len(platform.node()) < 4
    assert str(Path.home()) not in text
    (run,) = json.loads(text)["runs"]
    assert run["command"] == ["run-grid", "--store", "s3://***@h/b"]
    assert "remote" not in text
    user = getpass.getuser()
    assert user == "root" or user not in text
