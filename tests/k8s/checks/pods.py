"""What a pod may do, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from api.__main__ import GRACE_S
from tests.k8s.check import check
from tests.k8s.manifests import Document, Manifests, Pod, selects
from workers.worker import SHUTDOWN

HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")
DRAINS = {
    "web": timedelta(seconds=GRACE_S),
    # Dramatiq spends the time for its workers, and once more for its consumers.
    "worker": 2 * SHUTDOWN,
    "scheduler": timedelta(seconds=10),
}
"""How long each process may take to end after SIGTERM."""


@check
def pods_are_restricted(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        security = pod.spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            yield f"{pod.where}: may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{pod.where}: has no seccomp profile"
        if pod.is_ours and security.get("runAsUser") != 10001:
            yield f"{pod.where}: runs as {security.get('runAsUser')}, the image's user is 10001"
        for field in HOST_FIELDS:
            if field in pod.spec:
                yield f"{pod.where}: {field} opens the node"
        for container in pod.containers:
            yield from _container_is_restricted(pod, container)


def _container_is_restricted(pod: Pod, container: Document) -> Iterator[str]:
    security, where = container.get("securityContext", {}), f"{pod.where}, {container['name']}"
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{where}: may gain privileges"
    if security.get("privileged"):
        yield f"{where}: is privileged"
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: may write to its own image"
    if security.get("capabilities", {}).get("drop") != ["ALL"] or security["capabilities"].get("add"):
        yield f"{where}: keeps capabilities"


@check
def pods_get_no_token_of_the_cluster(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.where}: has a token that it does not need"
        if pod.spec.get("serviceAccountName", "default") == "default":
            yield f"{pod.where}: shares the namespace's default account"
    for where, account in manifests.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{where}: hands its token to every pod"


@check
def services_do_not_become_settings(manifests: Manifests) -> Iterator[str]:
    # A Service called `smtp` would set SMTP_PORT=tcp://… in every pod.
    for pod in manifests.pods():
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.where}: Services of the namespace appear among its settings"


@check
def images_are_exact(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            image = container["image"]
            by_digest = re.search(r"@sha256:[0-9a-f]{64}$", image)
            tag = re.search(r":([\w.-]+)$", image)
            if manifests.is_production and not by_digest:
                yield f"{pod.where}: production takes {image} by a name that can move"
            elif not by_digest and (tag is None or tag[1] == "latest"):
                yield f"{pod.where}: {image} is whatever was pushed last"


@check
def pods_are_given_time_to_end(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        grace = timedelta(seconds=pod.spec.get("terminationGracePeriodSeconds", 30))
        for container in pod.containers:
            sleeps = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            stopping = timedelta(seconds=sleeps)
            if stopping >= grace:
                yield f"{pod.where}: preStop sleeps through the grace period, the API server refuses it"
            drain = DRAINS.get(container["name"], timedelta())
            if pod.is_ours and stopping + drain + timedelta(seconds=5) > grace:
                yield f"{pod.where}: needs {stopping + drain} and 5 s to end, and is killed after {grace}"


@check
def web_pods_leave_the_balancer_before_they_end(manifests: Manifests) -> Iterator[str]:
    for where, service in manifests.of("Service"):
        for pod in manifests.pods():
            if not pod.is_ours or not selects({"matchLabels": service["spec"]["selector"]}, pod.labels):
                continue
            hooks = [container.get("lifecycle", {}).get("preStop") for container in pod.spec["containers"]]
            if not all(hooks):
                yield f"{pod.where}: {where} still sends requests to it while it ends"


@check
def no_rollout_takes_capacity_away(manifests: Manifests) -> Iterator[str]:
    for where, deployment in manifests.of("Deployment"):
        component = deployment["metadata"]["labels"].get("app.kubernetes.io/component")
        update = deployment["spec"].get("strategy", {}).get("rollingUpdate", {})
        if component in ("web", "worker") and update.get("maxUnavailable") != 0:
            yield f"{where}: a rollout takes pods away before new ones are ready"


@check
def replicas_are_spread(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        if pod.workload["kind"] != "Deployment" or not pod.is_ours:
            continue
        constraints = pod.spec.get("topologySpreadConstraints", [])
        keys = {constraint["topologyKey"] for constraint in constraints}
        if not {"topology.kubernetes.io/zone", "kubernetes.io/hostname"} <= keys:
            yield f"{pod.where}: one node or zone may hold all of its pods"
        for constraint in constraints:
            if constraint["labelSelector"] != pod.workload["spec"]["selector"] | {} or (
                constraint.get("matchLabelKeys") != ["pod-template-hash"]
            ):
                yield f"{pod.where}: is spread by other pods than its own, or across releases"
