"""How much a pod may take, and whether all of them have room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from math import ceil
from typing import Any

from tests.k8s.check import check
from tests.k8s.checks.scaling import most_replicas
from tests.k8s.manifests import Document, Manifests

QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti|)")
FACTOR = {
    "": Decimal(1), "m": Decimal("0.001"), "k": Decimal(10**3), "Ki": Decimal(2**10), "M": Decimal(10**6),
    "Mi": Decimal(2**20), "G": Decimal(10**9), "Gi": Decimal(2**30), "T": Decimal(10**12),
    "Ti": Decimal(2**40),
}  # fmt: skip
AMOUNTS = ("requests", "limits", "hard", "default", "defaultRequest", "max", "min")


def quantity(text: object) -> Decimal | None:
    """The amount; None if it is none."""
    match = QUANTITY.fullmatch(str(text))
    return Decimal(match[1]) * FACTOR[match[2]] if match else None


@check
def quantities_can_be_read(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of(
        "Deployment", "StatefulSet", "Job", "CronJob", "ResourceQuota", "LimitRange"
    ):
        for name, value in _amounts(document):
            if quantity(value) is None:
                yield f"{where}: {name} {value!r} is no quantity"


def _amounts(node: Any) -> Iterator[tuple[str, object]]:
    if isinstance(node, dict):
        for key, child in node.items():
            if key in AMOUNTS and isinstance(child, dict):
                yield from child.items()
            elif key == "sizeLimit":
                yield key, child
            else:
                yield from _amounts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _amounts(child)


@check
def containers_say_what_they_take(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            where = f"{pod.where}, {container['name']}"
            wanted, most = (
                container["resources"].get("requests", {}),
                container["resources"].get("limits", {}),
            )
            for name in ("cpu", "memory", "ephemeral-storage"):
                if name not in wanted:
                    yield f"{where}: requests no {name}"
            for name in ("memory", "ephemeral-storage"):
                if name not in most:
                    yield f"{where}: has no limit of {name}"
            # Else a node that is full kills whoever took more than it asked for.
            if most.get("memory") != wanted.get("memory"):
                yield f"{where}: requests {wanted.get('memory')} of memory and may take {most.get('memory')}"


@check
def requests_fit_their_limits(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            wanted, most = (
                container["resources"].get("requests", {}),
                container["resources"].get("limits", {}),
            )
            for name in wanted.keys() & most.keys():
                request, limit = quantity(wanted[name]), quantity(most[name])
                if request is not None and limit is not None and request > limit:
                    yield f"{pod.where}: requests {wanted[name]} of {name}, and {most[name]} is the limit"


@check
def the_quota_holds_everything_at_its_most(manifests: Manifests) -> Iterator[str]:
    for where, document in manifests.of("ResourceQuota"):
        hard = document["spec"]["hard"]
        if "limits.cpu" in hard:
            yield f"{where}: refuses pods without a limit of CPU, and none has one"
        needed = _at_most(manifests)
        for name, amount in needed.items():
            allowed = quantity(hard.get(name))
            if allowed is None or amount > allowed:
                yield f"{where}: {name} allows {hard.get(name)}, at their most the pods need {amount}"


def _at_most(manifests: Manifests) -> dict[str, Decimal]:
    """What all workloads need with as many pods as may be, and more while a release rolls out."""
    needed = dict.fromkeys(("pods", "requests.cpu", "requests.memory", "limits.memory"), Decimal(0))
    for pod in manifests.pods():
        number = most_replicas(manifests, pod)
        number += _surge(pod.workload, number)
        needed["pods"] += number
        for container in pod.spec["containers"]:
            for name in ("requests.cpu", "requests.memory", "limits.memory"):
                needed[name] += number * _of(container, *name.split("."))
    return needed


def _surge(workload: Document, replicas: int) -> int:
    """How many pods more there are while a release rolls out; a Job's old pod may still end as well."""
    more = workload["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 1)
    return ceil(replicas * int(more[:-1]) / 100) if isinstance(more, str) else int(more)


def _of(container: Document, kind: str, name: str) -> Decimal:
    return quantity(container["resources"].get(kind, {}).get(name, "0")) or Decimal(0)
