"""The manifest of docs/cluster.md is YAML, of fields that KubeRay has, and starts a command that there is."""

import shlex
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

# Fields of ray.io/v1 as KubeRay's reference names them, with those of Kubernetes that the manifest uses.
_FIELDS = {
    "RayJob": {"apiVersion", "kind", "metadata", "spec"},
    "RayJobSpec": {"entrypoint", "shutdownAfterJobFinishes", "backoffLimit", "rayClusterSpec"},
    "RayClusterSpec": {"rayVersion", "headGroupSpec", "workerGroupSpecs"},
    "HeadGroupSpec": {"rayStartParams", "template"},
    "WorkerGroupSpec": {
        "groupName",
        "replicas",
        "minReplicas",
        "maxReplicas",
        "rayStartParams",
        "template",
    },
}


@pytest.fixture(scope="module")
def manifest():
    text = (Path(__file__).resolve().parents[3] / "docs" / "cluster.md").read_text(encoding="utf-8")
    (block,) = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    return yaml.safe_load(block)


def test_every_field_is_one_of_kuberay(manifest):
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob")
    cluster = manifest["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    parts = {
        "RayJob": manifest,
        "RayJobSpec": manifest["spec"],
        "RayClusterSpec": cluster,
        "HeadGroupSpec": cluster["headGroupSpec"],
        "WorkerGroupSpec": workers,
    }
    assert {name: set(part) - _FIELDS[name] for name, part in parts.items()} == {
        name: set() for name in parts
    }
    for group in (cluster["headGroupSpec"], workers):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in group["template"]["spec"]["volumes"]}
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]


def test_its_command_is_one_of_this_package(manifest, study_command):
    program, *arguments = shlex.split(manifest["spec"]["entrypoint"])
    assert program == "study"
    refused = study_command(*arguments)
    assert refused.exit_code == 2
    assert "/shared/needs.toml" in refused.stderr, "every option is known; only the file is not here"
