"""One mistake for each rule that a check stands for, made in the rendered documents."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from tests.k8s.manifests import Document, called

GONE: Any = object()
"""The place of a value that is taken away."""

POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
DIGEST = "registry.example.com/millwright@sha256:" + "0" * 64


class Mutation(Struct, frozen=True):
    """`value` put at `path` of the object called `target`; what `check` must notice."""

    check: str
    target: str
    path: str
    value: Any
    overlay: str = "overlays/prod"


def mutate(documents: list[Document], mutation: Mutation) -> None:
    """Makes the mistake. Raises: LookupError: there is no such place any more."""
    node: Any = next(document for document in documents if _is(document, mutation.target))
    *way, last = _steps(mutation.path)
    for step in way:
        node = node[step]
    if mutation.value is GONE:
        del node[last]
    else:
        node[last] = mutation.value


def _is(document: Document, target: str) -> bool:
    """Whether it is the object, with or without the hash that kustomize puts behind some names."""
    name = called(document)
    return target in (name, re.sub(r"-[a-z0-9]{10}$", "", name))


def _steps(path: str) -> list[str | int]:
    """The path's parts; a label with dots in its name is written with `~` for each dot."""
    return [int(part) if part.isdigit() else part.replace("~", ".") for part in path.split(".")]


def of(check: str, *rows: tuple[Any, ...]) -> list[Mutation]:
    return [Mutation(check, *row) for row in rows]


DEV, KEDA, MIGRATE = "overlays/dev", "variants/prod-keda", "overlays/prod/migrate"
EXAMPLE = "jobs/mongo-backup-cronjob.example.yaml"
WEB, WORKER, SCHEDULER = "Deployment/web", "Deployment/worker-bulk", "Deployment/scheduler"
HPA, SCALED = "HorizontalPodAutoscaler/worker-bulk", "ScaledObject/worker-bulk"

MUTATIONS: list[Mutation] = [
    *of(
        "fields_are_known_to_kubernetes",
        (WEB, f"{BOX}.imagePullPolicyy", "Always"),
        (WEB, "apiVersion", "apps/v1beta2"),
        ("PodDisruptionBudget/web", "apiVersion", "policy/v1beta1"),
        (HPA, "apiVersion", "autoscaling/v2beta2"),
        (WEB, f"{BOX}.ports.0.containerPort", "8000"),
        (WEB, "spec.selector", GONE),
        ("ExternalSecret/millwright-secrets", "apiVersion", "external-secrets.io/v1beta1"),
        (SCALED, "kind", "ScaledObjekt", KEDA),
    ),
    *of(
        "fields_are_known_to_operators",
        (SCALED, "spec.minReplicas", 2, KEDA),
        (SCALED, "spec.fallback.behavior", "currentReplicasIfMore", KEDA),
        ("ExternalSecret/millwright-secrets", "spec.secretStoreReference", {}),
        ("ExternalSecret/millwright-secrets", "spec.refreshInterval", "hourly"),
        ("PodMonitor/millwright", "spec.podMetricsEndpoints.0.scrapeInterval", "5s"),
        ("PrometheusRule/millwright-alerts", "spec.groups.0.rules.0.fr", "5m"),
        ("PrometheusRule/millwright-alerts", "spec.groups.0.rules.0.for", "five minutes"),
    ),
    *of(
        "names_and_labels_are_well_formed",
        (WEB, "spec.template.metadata.labels.app~kubernetes~io/version", "v1 of today"),
        (WEB, "metadata.labels.-tier", "front"),
        ("Service/web", "metadata.name", "web_front"),
        ("PodDisruptionBudget/web", "spec.selector.matchLabels.app~kubernetes~io/component", "w" * 64),
    ),
    *of(
        "workloads_select_their_own_pods",
        (WEB, "spec.selector.matchLabels.app~kubernetes~io/component", "www"),
        (WORKER, "spec.selector.matchLabels.millwright/queue", GONE),
    ),
    *of(
        "selectors_find_pods",
        ("Service/web", "spec.selector.app~kubernetes~io/component", "www"),
        ("NetworkPolicy/stores", "spec.podSelector.matchExpressions.0.values", ["api"]),
        ("PodMonitor/millwright", "spec.selector.matchLabels.app~kubernetes~io/name", "mill"),
        ("PodDisruptionBudget/worker-bulk", "spec.selector.matchLabels.millwright/queue", "slow"),
    ),
    *of(
        "pods_carry_the_recommended_labels",
        (WEB, "spec.template.metadata.labels.app~kubernetes~io/part-of", GONE),
    ),
    *of(
        "everything_is_in_the_overlays_namespace",
        ("Service/web", "metadata.namespace", "millwright-dev"),
        ("Ingress/web", "metadata.namespace", GONE),
        ("LimitRange/millwright", "kind", "PriorityClass"),
        ("Namespace/millwright-prod", "metadata.name", "millwright"),
    ),
    *of(
        "namespaces_enforce_restricted_pods",
        ("Namespace/millwright-prod", "metadata.labels.pod-security~kubernetes~io/enforce", "baseline"),
        ("Namespace/millwright-prod", "metadata.labels.pod-security~kubernetes~io/enforce-version", "latest"),
    ),
    *of(
        "pods_are_restricted",
        (WEB, f"{POD}.securityContext.runAsNonRoot", False),
        (WEB, f"{POD}.securityContext.runAsUser", 1000),
        (WEB, f"{POD}.securityContext.seccompProfile", GONE),
        (WEB, f"{POD}.hostNetwork", True),
        (WEB, f"{BOX}.securityContext.privileged", True),
        (WEB, f"{BOX}.securityContext.allowPrivilegeEscalation", GONE),
        (WEB, f"{BOX}.securityContext.readOnlyRootFilesystem", False),
        (WEB, f"{BOX}.securityContext.capabilities", {"drop": ["NET_RAW"]}),
        (WEB, f"{BOX}.securityContext.capabilities.add", ["SYS_PTRACE"]),
    ),
    *of(
        "pods_get_no_token_of_the_cluster",
        (WEB, f"{POD}.automountServiceAccountToken", GONE),
        (WEB, f"{POD}.serviceAccountName", GONE),
        ("ServiceAccount/web", "automountServiceAccountToken", True),
    ),
    *of("services_do_not_become_settings", (WEB, f"{POD}.enableServiceLinks", GONE)),
    *of(
        "images_are_exact",
        (WEB, f"{BOX}.image", "registry.example.com/millwright:1.0"),
        (WEB, f"{BOX}.image", "registry.example.com/millwright:latest", DEV),
        (WEB, f"{BOX}.image", "registry.example.com/millwright", DEV),
    ),
    *of(
        "pods_are_given_time_to_end",
        (WEB, f"{BOX}.lifecycle.preStop.sleep.seconds", 30),
        (WORKER, f"{POD}.terminationGracePeriodSeconds", 30),
        (WORKER, f"{POD}.terminationGracePeriodSeconds", GONE),
    ),
    *of("web_pods_leave_the_balancer_before_they_end", (WEB, f"{BOX}.lifecycle", {})),
    *of("no_rollout_takes_capacity_away", (WEB, "spec.strategy.rollingUpdate.maxUnavailable", "25%")),
    *of(
        "replicas_are_spread",
        (WEB, f"{POD}.topologySpreadConstraints", []),
        (WORKER, f"{POD}.topologySpreadConstraints.0.labelSelector.matchLabels.millwright/queue", GONE),
        (WEB, f"{POD}.topologySpreadConstraints.1.matchLabelKeys", GONE),
    ),
    *of(
        "ports_have_proper_names",
        (WEB, f"{BOX}.ports.0.name", "http-for-commands"),
        (WEB, f"{BOX}.ports.0.name", "8000"),
        (
            WEB,
            f"{BOX}.ports",
            [{"name": "http", "containerPort": 8000}, {"name": "http", "containerPort": 8001}],
        ),
    ),
    *of(
        "probes_ask_what_is_served",
        (WEB, f"{BOX}.readinessProbe.httpGet.port", "web"),
        (WEB, f"{BOX}.livenessProbe.httpGet.port", 8080),
        (WEB, f"{BOX}.livenessProbe.httpGet.path", "/api/health/alive"),
        (WORKER, f"{BOX}.livenessProbe.httpGet.path", "/health/ready"),
        (WORKER, f"{BOX}.readinessProbe.httpGet.path", "/api/health/ready"),
        ("StatefulSet/mongo", f"{BOX}.livenessProbe.tcpSocket.port", "mongodb", DEV),
    ),
    *of(
        "processes_are_probed",
        (WEB, f"{BOX}.startupProbe", GONE),
        (WORKER, f"{BOX}.livenessProbe", GONE),
        ("StatefulSet/mongo", f"{BOX}.readinessProbe", GONE, DEV),
    ),
    *of("services_lead_to_ports", ("Service/web", "spec.ports.0.targetPort", "web")),
    *of(
        "nothing_is_open_by_default",
        ("NetworkPolicy/default-deny", "spec.policyTypes", ["Ingress"]),
        (
            "NetworkPolicy/default-deny",
            "spec.podSelector",
            {"matchLabels": {"app.kubernetes.io/component": "web"}},
        ),
        ("NetworkPolicy/stores", "spec.egress.0.to", GONE),
        ("NetworkPolicy/webhooks", "spec.egress.0.ports", []),
    ),
    *of("names_can_be_looked_up", ("NetworkPolicy/names", "spec.egress.0.ports.1", GONE)),
    *of(
        "processes_reach_the_stores",
        ("NetworkPolicy/stores", "spec.egress.1", GONE),
        ("NetworkPolicy/stores", "spec.podSelector.matchExpressions.0.values", ["web", "worker"]),
    ),
    *of(
        "stores_let_processes_in",
        (
            "NetworkPolicy/mongo",
            "spec.ingress.0.from.0.podSelector.matchLabels.app~kubernetes~io/name",
            "mill",
            DEV,
        ),
    ),
    *of(
        "the_metadata_service_is_out_of_reach",
        ("NetworkPolicy/webhooks", "spec.egress.0.to.0.ipBlock.except", ["10.0.0.0/8"]),
        ("NetworkPolicy/mail", "spec.egress.0.to.0.ipBlock.except.0", "10.1.0.0/16"),
    ),
    *of(
        "only_workers_send_outside",
        ("NetworkPolicy/webhooks", "spec.podSelector.matchLabels.app~kubernetes~io/component", "web"),
    ),
    *of(
        "what_is_served_can_be_reached",
        ("NetworkPolicy/web-from-ingress", "spec.ingress.0.ports.0.port", 80),
        ("NetworkPolicy/metrics-from-monitoring", "spec.podSelector.matchExpressions.0.values", ["worker"]),
    ),
    *of(
        "paths_say_how_they_match",
        ("Ingress/web", "spec.rules.0.http.paths.0.pathType", "ImplementationSpecific"),
        ("Ingress/web", "spec.rules.0.http.paths.0.path", "api"),
    ),
    *of(
        "the_ingress_leads_to_a_service",
        ("Ingress/web", "spec.rules.0.http.paths.0.backend.service.name", "api"),
        ("Ingress/web", "spec.rules.0.http.paths.0.backend.service.port", {"number": 8000}),
    ),
    *of(
        "the_ingress_shows_everything_but_metrics",
        ("Ingress/web", "spec.rules.0.http.paths.0.pathType", "Prefix"),
        ("Ingress/web", "spec.rules.0.http.paths.1.path", "/api/commands"),
        ("Ingress/web", "spec.rules.0.http.paths.2", GONE),
    ),
    *of(
        "every_host_has_a_certificate",
        ("Ingress/web", "spec.tls.0.hosts", ["www.example.com"]),
        ("Ingress/web", "metadata.annotations.nginx~org/redirect-to-https", "False"),
    ),
    *of(
        "the_ingress_lets_through_what_is_allowed",
        ("Ingress/web", "metadata.annotations.nginx~org/client-max-body-size", "1m"),
        ("Ingress/web", "metadata.annotations.nginx~org/proxy-read-timeout", "60s"),
    ),
    *of(
        "browsers_are_told_the_ingress_host",
        ("Ingress/web", "spec.rules.0.host", "www.example.com"),
        ("ConfigMap/settings", "data.FORWARDED_ALLOW_IPS", GONE),
    ),
    *of(
        "settings_are_known",
        ("ConfigMap/settings", "data.LOG_LEVELS", "INFO"),
        ("ConfigMap/settings", "data.MONGODB_URI_FILE", "/run/secrets/millwright/mongo-uri", MIGRATE),
    ),
    *of(
        "processes_start_with_these_settings",
        ("ConfigMap/settings", "data.LOG_LEVEL", "LOUD"),
        ("ConfigMap/settings", "data.PORT", "web"),
        ("ConfigMap/settings", "data.APP_ENV", "development"),
        ("ConfigMap/settings", "data.CORS_ORIGIN", "*"),
        ("ConfigMap/settings", "data.FRONTEND_URL", GONE),
        ("ConfigMap/settings", "data.MONGO_URI_FILE", GONE),
        ("ConfigMap/settings", "data.REDIS_URL_FILE", "/run/secrets/redis-url"),
        ("ConfigMap/settings", "data.JWT_REFRESH_SECRET_FILE", GONE),
        ("ExternalSecret/millwright-secrets", "spec.data.0", GONE),
        ("ExternalSecret/millwright-secrets", "spec.data.4.secretKey", "smtp-pass"),
        ("Secret/millwright-secrets", "data.redis-url", GONE, DEV),
    ),
    *of(
        "every_secret_is_used",
        ("ExternalSecret/millwright-secrets", "spec.data.0.secretKey", "mongodb"),
        ("Secret/millwright-secrets", "data.admin-password", "eA==", DEV),
    ),
    *of("secrets_are_not_in_settings", ("ConfigMap/settings", "data.SMTP_PASSWORD", "in the open")),
    *of(
        "ports_are_those_of_the_settings",
        ("ConfigMap/settings", "data.PORT", "8080"),
        ("ConfigMap/settings", "data.HOST", "127.0.0.1"),
        (WORKER, f"{BOX}.ports.0.containerPort", 9000),
    ),
    *of(
        "what_is_run_exists",
        (WORKER, f"{BOX}.args", ["python", "-m", "worker"]),
        ("Job/migrate", f"{BOX}.args", ["./millwright", "migrate", "--force"], MIGRATE),
        ("Job/migrate", f"{BOX}.args", ["./millwright", "migrations"], MIGRATE),
    ),
    *of(
        "every_queue_has_workers",
        (WORKER, "spec.template.metadata.labels.millwright/queue", "time"),
        ("ConfigMap/work-bulk", "data.WORKER_QUEUES", "time"),
    ),
    *of("changed_settings_restart_pods", (WEB, f"{BOX}.envFrom.0.configMapRef.name", "settings")),
    *of("accounts_exist", (WEB, f"{POD}.serviceAccountName", "api")),
    *of(
        "priority_classes_exist",
        (WEB, f"{POD}.priorityClassName", "high"),
        (WEB, f"{POD}.priorityClassName", GONE),
    ),
    *of(
        "secrets_exist",
        (WEB, f"{POD}.volumes.1.secret.secretName", "secrets"),
        (WEB, f"{BOX}.env", [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "none", "key": "x"}}}]),
    ),
    *of("config_maps_exist", (WEB, f"{BOX}.envFrom.0.configMapRef.name", "settings-0123456789")),
    *of(
        "claims_exist",
        (WEB, f"{POD}.volumes.0", {"name": "tmp", "persistentVolumeClaim": {"claimName": "none"}}),
    ),
    *of(
        "mounts_are_of_volumes",
        (WEB, f"{BOX}.volumeMounts.0.name", "scratch"),
        (WEB, f"{POD}.volumes.0.emptyDir", {}),
        (WEB, f"{BOX}.volumeMounts.0.mountPath", "/var/tmp"),
        (WEB, f"{BOX}.volumeMounts.1.mountPath", "/tmp"),
        (WEB, f"{POD}.volumes.0", {"name": "tmp", "hostPath": {"path": "/tmp"}}),
    ),
    *of(
        "quantities_can_be_read",
        (WEB, f"{BOX}.resources.requests.memory", "384MB"),
        ("ResourceQuota/millwright", "spec.hard.requests~cpu", "32 cores"),
        (WEB, f"{POD}.volumes.0.emptyDir.sizeLimit", "64 Mi"),
    ),
    *of(
        "containers_say_what_they_take",
        (WEB, f"{BOX}.resources.requests.cpu", GONE),
        (WEB, f"{BOX}.resources.limits.memory", GONE),
        (WEB, f"{BOX}.resources.limits.memory", "1Gi"),
        (WEB, f"{BOX}.resources.requests.ephemeral-storage", GONE),
    ),
    *of("requests_fit_their_limits", (WEB, f"{BOX}.resources.requests.ephemeral-storage", "1Gi")),
    *of(
        "the_quota_holds_everything_at_its_most",
        ("ResourceQuota/millwright", "spec.hard.pods", "20"),
        ("ResourceQuota/millwright", "spec.hard.limits~cpu", "32"),
        (HPA, "spec.maxReplicas", 100),
        (WEB, "spec.strategy.rollingUpdate.maxSurge", "500%"),
    ),
    *of(
        "scalers_have_bounds",
        (HPA, "spec.minReplicas", 7),
        (HPA, "spec.behavior", {}),
        (SCALED, "spec.maxReplicaCount", 0, KEDA),
    ),
    *of(
        "each_deployment_has_one_owner_of_its_replicas",
        (HPA, "spec.scaleTargetRef.name", "workers"),
        (HPA, "spec.scaleTargetRef.name", "web"),
        (WORKER, "spec.replicas", 2),
        (SCALED, "spec.scaleTargetRef.name", "web", KEDA),
    ),
    *of(
        "production_scales_by_itself",
        (HPA, "kind", "Autoscaler"),
        (SCHEDULER, "spec.replicas", 1),
    ),
    *of(
        "autoscalers_read_figures_that_are_published",
        (HPA, "spec.metrics.0.external.metric.name", "millwright_needed_workers"),
        (HPA, "spec.metrics.1.external.metric.selector.matchLabels.queue", "time"),
        ("HorizontalPodAutoscaler/web", "spec.metrics.0.containerResource.container", "api"),
    ),
    *of(
        "a_missing_series_scales_nothing_down",
        (SCALED, "spec.triggers.0.metadata.ignoreNullValues", GONE, KEDA),
        (SCALED, "spec.fallback", GONE, KEDA),
    ),
    *of(
        "disruption_budgets_are_sound",
        ("PodDisruptionBudget/web", "spec.minAvailable", 1),
        ("PodDisruptionBudget/web", "spec.maxUnavailable", 0),
        ("PodDisruptionBudget/web", "spec.unhealthyPodEvictionPolicy", GONE),
    ),
    *of(
        "each_deployment_has_its_own_budget",
        ("PodDisruptionBudget/worker-bulk", "spec.selector.matchLabels.millwright/queue", "time"),
        ("PodDisruptionBudget/worker-bulk", "spec.selector.matchLabels.millwright/queue", GONE),
    ),
    *of(
        "jobs_end",
        ("Job/migrate", "spec.activeDeadlineSeconds", GONE, MIGRATE),
        ("Job/migrate", f"{POD}.restartPolicy", "Always", MIGRATE),
    ),
    *of(
        "cron_jobs_run_when_they_say",
        ("CronJob/mongo-backup", "spec.schedule", "30 2 * *", EXAMPLE),
        ("CronJob/mongo-backup", "spec.schedule", "70 2 * * *", EXAMPLE),
        ("CronJob/mongo-backup", "spec.schedule", "*/0 2 * * *", EXAMPLE),
        ("CronJob/mongo-backup", "spec.timeZone", "Europe/Bern", EXAMPLE),
        ("CronJob/mongo-backup", "spec.concurrencyPolicy", "Allow", EXAMPLE),
        ("CronJob/mongo-backup", "spec.startingDeadlineSeconds", GONE, EXAMPLE),
    ),
    *of(
        "rules_read_what_is_written",
        (
            "PrometheusRule/millwright-alerts",
            "spec.groups.0.rules.0.expr",
            "sum(rate(http_requests_total[5m]) > 1",
        ),
        ("PrometheusRule/millwright-alerts", "spec.groups.0.rules.0.expr", "commands_refused_total > 1"),
        ("PrometheusRule/millwright-alerts", "spec.groups.0.rules.0.expr", 'dead_letters{tenant="a"} > 1'),
    ),
    *of(
        "scalers_read_what_is_written",
        (SCALED, "spec.triggers.0.metadata.query", 'required_workers{queue="bulk"}', KEDA),
        (SCALED, "spec.triggers.0.metadata.query", 'millwright:required_workers:max{queue="time"}', KEDA),
    ),
    *of(
        "alerts_tell_what_to_do",
        (
            "PrometheusRule/millwright-alerts",
            "spec.groups.0.rules.0.annotations.runbook_url",
            "https://x/other.md",
        ),
        ("PrometheusRule/millwright-alerts", "spec.groups.0.rules.0.labels.severity", "critical"),
        ("PrometheusRule/millwright-alerts", "spec.groups.0.rules.0.alert", "MillwrightWorkWaits"),
    ),
    *of(
        "every_process_is_scraped",
        ("PodMonitor/millwright", "spec.podMetricsEndpoints.0.port", "web"),
        ("PodMonitor/millwright", "spec.podMetricsEndpoints.1.path", "/prometheus"),
    ),
    *of(
        "scrapes_end_before_the_next",
        ("PodMonitor/millwright", "spec.podMetricsEndpoints.0.scrapeTimeout", "20s"),
    ),
]
