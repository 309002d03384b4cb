"""Who scales what, between which bounds, by which figures; and what may be taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from tests.k8s.check import check
from tests.k8s.manifests import K8S, Document, Manifests, Pod, selects

UP_AT_ONCE = 0
DOWN_AFTER_S = 300


def scalers(manifests: Manifests) -> Iterator[tuple[str, str, int, int, Document]]:
    """Each scaler: where, the Deployment it scales, fewest, most, its behaviour."""
    for where, document in manifests.of("HorizontalPodAutoscaler"):
        spec = document["spec"]
        target = spec["scaleTargetRef"]
        yield where, target["name"], spec["minReplicas"], spec["maxReplicas"], spec.get("behavior", {})
    for where, document in manifests.of("ScaledObject"):
        spec = document["spec"]
        behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        yield (
            where,
            spec["scaleTargetRef"]["name"],
            spec["minReplicaCount"],
            spec["maxReplicaCount"],
            behaviour,
        )


def most_replicas(manifests: Manifests, pod: Pod) -> int:
    name = pod.workload["metadata"]["name"]
    most = [most for _, target, _, most, _ in scalers(manifests) if target == name]
    return max([*most, int(pod.workload["spec"].get("replicas", 1))])


@check
def scalers_have_bounds(manifests: Manifests) -> Iterator[str]:
    for where, _, fewest, most, behaviour in scalers(manifests):
        if not 1 <= fewest <= most:
            yield f"{where}: at least {fewest}, at most {most}"
        up, down = behaviour.get("scaleUp", {}), behaviour.get("scaleDown", {})
        if up.get("stabilizationWindowSeconds") != UP_AT_ONCE:
            yield f"{where}: waits before it adds pods"
        if down.get("stabilizationWindowSeconds", 0) < DOWN_AFTER_S or not down.get("policies"):
            yield f"{where}: takes pods away as fast as a queue runs dry"


@check
def each_deployment_has_one_owner_of_its_replicas(manifests: Manifests) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for where, target, *_ in scalers(manifests):
        owners.setdefault(target, []).append(where)
        if target not in manifests.names("Deployment"):
            yield f"{where}: there is no Deployment {target}"
    for where, deployment in manifests.of("Deployment"):
        found = owners.get(deployment["metadata"]["name"], [])
        if len(found) > 1:
            yield f"{where}: {' and '.join(found)} both scale it"
        if found and "replicas" in deployment["spec"]:
            yield f"{where}: every rollout sets it back to {deployment['spec']['replicas']} replicas"


@check
def production_scales_by_itself(manifests: Manifests) -> Iterator[str]:
    scaled = {target for _, target, *_ in scalers(manifests)}
    for where, deployment in manifests.of("Deployment") if manifests.is_production else ():
        component = deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        if component in ("web", "worker") and deployment["metadata"]["name"] not in scaled:
            yield f"{where}: nothing scales it"
        if component == "scheduler" and deployment["spec"].get("replicas") != 2:
            yield f"{where}: one leads and one stands by, not {deployment['spec'].get('replicas')}"


@check
def autoscalers_read_figures_that_are_published(manifests: Manifests) -> Iterator[str]:
    values = yaml.safe_load((K8S / "prometheus-adapter" / "values.yaml").read_text())
    published = {rule["name"]["as"] for rule in values["rules"]["external"]}
    for where, document in manifests.of("HorizontalPodAutoscaler"):
        queue = document["metadata"]["labels"].get("millwright/queue")
        containers = _containers(manifests, document["spec"]["scaleTargetRef"]["name"])
        for metric in document["spec"]["metrics"]:
            if "external" in metric:
                name = metric["external"]["metric"]["name"]
                if name not in published:
                    yield f"{where}: prometheus-adapter publishes no {name}"
                if metric["external"]["metric"]["selector"]["matchLabels"].get("queue") != queue:
                    yield f"{where}: goes by another queue than {queue}"
            elif metric.get("containerResource", {}).get("container") not in containers:
                yield f"{where}: there is no such container"


def _containers(manifests: Manifests, name: str) -> set[str]:
    return {
        container["name"]
        for pod in manifests.pods()
        if pod.workload["metadata"]["name"] == name
        for container in pod.containers
    }


@check
def a_missing_series_scales_nothing_down(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("ScaledObject"):
        spec = document["spec"]
        if "fallback" not in spec:
            yield f"{where}: has no fallback"
        for trigger in spec["triggers"]:
            if trigger["metadata"].get("ignoreNullValues") != "false":
                yield f"{where}: takes a missing series for an empty queue"


@check
def disruption_budgets_are_sound(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("PodDisruptionBudget"):
        spec = document["spec"]
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield f"{where}: wants exactly one of minAvailable and maxUnavailable"
        elif spec.get("maxUnavailable") in (0, "0%") or spec.get("minAvailable") == "100%":
            yield f"{where}: no node can ever be drained"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{where}: pods that do not work keep a node from being drained"


@check
def each_deployment_has_its_own_budget(manifests: Manifests) -> Iterator[str]:
    budgets: list[tuple[str, Any]] = [
        (w, d["spec"]["selector"]) for w, d in manifests.of("PodDisruptionBudget")
    ]
    for pod in manifests.pods():
        if pod.workload["kind"] != "Deployment" or not pod.is_ours:
            continue
        found = [where for where, selector in budgets if selects(selector, pod.labels)]
        if len(found) != 1:
            yield f"{pod.where}: {len(found)} budgets hold for its pods"
    for where, selector in budgets:
        taken = [pod.where for pod in manifests.pods() if selects(selector, pod.labels)]
        if len(taken) > 1:
            yield f"{where}: is one budget for {', '.join(taken)}"
