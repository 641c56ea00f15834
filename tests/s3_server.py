"""An S3 server on 127.0.0.1 (moto's), one request after another so that conditional puts are atomic."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running_s3(bucket: str = "bucket") -> Iterator[str]:
    """The address of a server that holds one empty bucket."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request otherwise
    server = make_server("127.0.0.1", 0, application, threaded=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        client = boto3.client("s3", endpoint_url=address, **_keys())
        client.create_bucket(Bucket=bucket)
        yield address
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def reached(address: str, *, scratch: Path) -> Iterator[None]:
    """This process and its children reach the server; files of its stores lie in `scratch` meanwhile."""
    import fsspec

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment(address), "STUDY_SCRATCH": str(scratch)}.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").clear_instance_cache()  # an instance keeps the address that it began with
        yield
        fsspec.filesystem("s3").clear_instance_cache()


def environment(address: str) -> dict[str, str]:
    """What a process needs in its environment to find the server."""
    return {**CREDENTIALS, "AWS_ENDPOINT_URL": address, "no_proxy": "127.0.0.1"}


def _keys() -> dict[str, str]:
    return {
        "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        "region_name": CREDENTIALS["AWS_DEFAULT_REGION"],
    }
