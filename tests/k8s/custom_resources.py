"""The operators' kinds that we use, field by field: what is not named here is a fault.

KEDA 2.18, External Secrets 1.0, Prometheus Operator 0.86. The API server drops a field that it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1)]
Duration = Annotated[str, Meta(pattern=r"^([0-9]+(ms|s|m|h|d|w|y))+$")]
Labels = dict[str, str]


class Strict(Struct, forbid_unknown_fields=True, rename="camel"):
    """A field that is not declared is a fault."""


class Metadata(Strict):
    name: Text
    namespace: Text
    labels: Labels = {}
    annotations: Labels = {}


class Selector(Strict):
    match_labels: Labels


class Object(Strict):
    """What all of them have; `apiVersion` and `kind` are known by then."""

    api_version: str
    kind: str
    metadata: Metadata


class Target(Strict):
    name: Text


class Fallback(Strict):
    failure_threshold: Annotated[int, Meta(gt=0)]
    replicas: Annotated[int, Meta(gt=0)]
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]


class Query(Strict):
    server_address: Text
    query: Text
    threshold: Annotated[str, Meta(pattern=r"^[0-9.]+$")]
    ignore_null_values: Literal["true", "false"]


class Trigger(Strict):
    type: Literal["prometheus"]
    metadata: Query
    metric_type: Literal["AverageValue", "Value"] = "AverageValue"


class HpaConfig(Strict):
    behavior: dict[str, Any]


class Advanced(Strict):
    horizontal_pod_autoscaler_config: HpaConfig


class Scaled(Strict):
    scale_target_ref: Target
    min_replica_count: Annotated[int, Meta(ge=1)]
    max_replica_count: Annotated[int, Meta(ge=1)]
    polling_interval: Annotated[int, Meta(gt=0)]
    fallback: Fallback
    advanced: Advanced
    triggers: Annotated[list[Trigger], Meta(min_length=1)]


class ScaledObject(Object):
    spec: Scaled


class StoreRef(Strict):
    kind: Literal["SecretStore", "ClusterSecretStore"]
    name: Text


class SecretTarget(Strict):
    name: Text
    creation_policy: Literal["Owner", "Orphan", "Merge", "None"]
    deletion_policy: Literal["Retain", "Delete", "Merge"]


class RemoteRef(Strict):
    key: Text
    property: Text


class SecretData(Strict):
    secret_key: Text
    remote_ref: RemoteRef


class Wanted(Strict):
    refresh_interval: Duration
    secret_store_ref: StoreRef
    target: SecretTarget
    data: Annotated[list[SecretData], Meta(min_length=1)]


class ExternalSecret(Object):
    spec: Wanted


class Endpoint(Strict):
    port: Text
    path: Annotated[str, Meta(pattern="^/")]
    interval: Duration
    scrape_timeout: Duration


class Monitored(Strict):
    selector: Selector
    pod_metrics_endpoints: Annotated[list[Endpoint], Meta(min_length=1)]
    pod_target_labels: list[str] = []


class PodMonitor(Object):
    spec: Monitored


class Rule(Struct, forbid_unknown_fields=True, rename={"for_": "for"}):
    expr: Text
    record: str = ""
    alert: str = ""
    for_: Duration = "0s"
    labels: Labels = {}
    annotations: Labels = {}


class Group(Strict):
    name: Text
    rules: Annotated[list[Rule], Meta(min_length=1)]
    interval: Duration = "30s"


class Rules(Strict):
    groups: Annotated[list[Group], Meta(min_length=1)]


class PrometheusRule(Object):
    spec: Rules


SHAPES: dict[tuple[str, str], type[Object]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
    ("external-secrets.io/v1", "ExternalSecret"): ExternalSecret,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
}
