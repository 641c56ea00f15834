"""Property tests draw the same examples in every run; HYPOTHESIS_PROFILE=explore looks for new ones."""

import os
import shutil

import pytest
from hypothesis import settings

from tests import s3_server
from tests.https_server import CERTIFICATE, running_server

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Audits keep what they find; tests neither read nor fill the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium without a network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium and chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1600"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def https_server(monkeypatch):
    """An HTTPS server on 127.0.0.1 whose certificate this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_address():
    """Address of an S3 server that runs here; skipped where its packages (extras remote, dev) are missing."""
    for package in ("s3fs", "moto", "flask_cors"):
        pytest.importorskip(package)
    with s3_server.running_s3() as address:
        yield address


@pytest.fixture
def s3(s3_address, tmp_path):
    """URL of an empty place on the S3 server, which this process and its children then reach."""
    with s3_server.reached(s3_address, scratch=tmp_path / "scratch"):
        yield f"s3://bucket/{tmp_path.name}/store"
