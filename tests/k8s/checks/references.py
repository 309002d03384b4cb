"""What an object names is there."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.check import check
from tests.k8s.checks.configuration import secret_keys
from tests.k8s.manifests import Manifests, Pod


@check
def accounts_exist(manifests: Manifests) -> Iterator[str]:
    known = manifests.names("ServiceAccount")
    for pod in manifests.pods():
        if pod.spec.get("serviceAccountName") not in known:
            yield f"{pod.where}: there is no ServiceAccount {pod.spec.get('serviceAccountName')}"


@check
def priority_classes_exist(manifests: Manifests) -> Iterator[str]:
    known = {one["metadata"]["name"] for one in manifests.cluster if one["kind"] == "PriorityClass"}
    for pod in manifests.pods():
        name = pod.spec.get("priorityClassName")
        if name not in known and (name is not None or pod.is_ours):
            yield f"{pod.where}: there is no PriorityClass {name}"


@check
def secrets_exist(manifests: Manifests) -> Iterator[str]:
    known = secret_keys(manifests)
    for pod in manifests.pods():
        names = {v["secret"]["secretName"] for v in pod.spec.get("volumes", []) if "secret" in v}
        for container in pod.containers:
            names |= {s["secretRef"]["name"] for s in container.get("envFrom", []) if "secretRef" in s}
            for one in container.get("env", []):
                if reference := one.get("valueFrom", {}).get("secretKeyRef"):
                    names.add(reference["name"])
                    if reference["key"] not in known.get(reference["name"], {reference["key"]}):
                        yield f"{pod.where}: Secret {reference['name']} has no {reference['key']}"
        # Beside the migration's own overlay stands the Secret of the whole one.
        for name in names - set(known) if manifests.is_whole else ():
            yield f"{pod.where}: there is no Secret {name}"


@check
def config_maps_exist(manifests: Manifests) -> Iterator[str]:
    known = manifests.names("ConfigMap")
    for pod in manifests.pods():
        names = {v["configMap"]["name"] for v in pod.spec.get("volumes", []) if "configMap" in v}
        for container in pod.containers:
            names |= {s["configMapRef"]["name"] for s in container.get("envFrom", []) if "configMapRef" in s}
        for name in names - known:
            yield f"{pod.where}: there is no ConfigMap {name}"


@check
def claims_exist(manifests: Manifests) -> Iterator[str]:
    known = manifests.names("PersistentVolumeClaim")
    for pod in manifests.pods():
        for volume in pod.spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in known:
                yield f"{pod.where}: there is no PersistentVolumeClaim {claim}"


@check
def mounts_are_of_volumes(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        declared = {volume["name"] for volume in pod.spec.get("volumes", [])}
        declared |= {one["metadata"]["name"] for one in pod.workload["spec"].get("volumeClaimTemplates", [])}
        used: set[str] = set()
        for container in pod.containers:
            mounts = container.get("volumeMounts", [])
            used |= {mount["name"] for mount in mounts}
            paths = [mount["mountPath"] for mount in mounts]
            if len(paths) != len(set(paths)):
                yield f"{pod.where}: two volumes at one path"
        for name in used - declared:
            yield f"{pod.where}: there is no volume {name}"
        for name in declared - used:
            yield f"{pod.where}: nothing mounts the volume {name}"
        yield from _scratch(pod)


def _scratch(pod: Pod) -> Iterator[str]:
    """Libraries write to /tmp, and the image is read-only; what they write is bounded."""
    for container in pod.containers:
        if pod.is_ours and "/tmp" not in [mount["mountPath"] for mount in container.get("volumeMounts", [])]:
            yield f"{pod.where}: {container['name']} has no /tmp to write to"
    for volume in pod.spec.get("volumes", []):
        if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
            yield f"{pod.where}: {volume['name']} may fill the node's disk"
        if "hostPath" in volume:
            yield f"{pod.where}: {volume['name']} opens the node's disk"
