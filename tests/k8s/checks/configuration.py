"""Settings and secrets: known to the code, enough for production, none too many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.settings.table import Settings, SettingsError, table
from tasks.queues import QUEUES
from tests.k8s.check import check
from tests.k8s.manifests import Manifests, Pod
from tests.k8s.program import is_command

SECRETS = {
    "mongo-uri": "mongodb://user:5dUe8hXwq2@mongo.internal/millwright?replicaSet=rs0",
    "redis-url": "rediss://:5dUe8hXwq2@valkey.internal:6379/0",
}
"""Values of the right form; any other key gets a text that is long enough."""


def variables(manifests: Manifests, pod: Pod) -> Mapping[str, str]:
    """The environment of a pod's first container, as far as ConfigMaps and literals give it."""
    maps = {
        document["metadata"]["name"]: document.get("data", {}) for _, document in manifests.of("ConfigMap")
    }
    given: dict[str, str] = {}
    for source in pod.spec["containers"][0].get("envFrom", []):
        given |= maps.get(source.get("configMapRef", {}).get("name"), {})
    given |= {one["name"]: one["value"] for one in pod.spec["containers"][0].get("env", []) if "value" in one}
    return given


def secret_keys(manifests: Manifests) -> Mapping[str, set[str]]:
    """The keys of every Secret that there will be: made here, or brought by the External Secrets Operator."""
    keys = {
        document["metadata"]["name"]: {*document.get("data", {}), *document.get("stringData", {})}
        for _, document in manifests.of("Secret")
    }
    for _, external in manifests.of("ExternalSecret"):
        spec = external["spec"]
        keys[spec["target"]["name"]] = {entry["secretKey"] for entry in spec["data"]}
    return keys


def mounted(manifests: Manifests, pod: Pod) -> Mapping[str, str]:
    """The secret files that a pod sees, each with its key."""
    secrets = {v["name"]: v["secret"]["secretName"] for v in pod.spec.get("volumes", []) if "secret" in v}
    keys = secret_keys(manifests)
    return {
        f"{mount['mountPath']}/{key}": key
        for mount in pod.spec["containers"][0].get("volumeMounts", [])
        if mount["name"] in secrets
        for key in keys.get(secrets[mount["name"]], ())
    }


@check
def settings_are_known(manifests: Manifests) -> Iterator[str]:
    known = {name for row in table() for name in (row.name, f"{row.name}_FILE")}
    for pod in manifests.pods():
        for name in variables(manifests, pod) if pod.is_ours else ():
            if name not in known:
                yield f"{pod.where}: there is no setting {name}"


@check
def processes_start_with_these_settings(manifests: Manifests) -> Iterator[str]:
    """The application reads them itself, under the guard that the overlay asks for."""
    for pod in manifests.pods():
        # The migration's own overlay is applied beside a Secret that is there.
        if not pod.is_ours or not (manifests.is_whole or secret_keys(manifests)):
            continue
        with TemporaryDirectory() as place:
            given = _with_files(manifests, pod, Path(place))
            try:
                settings = Settings.load(given, Path(place))
            except SettingsError as error:
                yield from (f"{pod.where}: {fault}" for fault in error.faults)
                continue
        if manifests.is_production and not settings.is_production:
            yield f"{pod.where}: runs without the production guard"


def _with_files(manifests: Manifests, pod: Pod, place: Path) -> dict[str, str]:
    """The environment, with the mounted secrets written to files that it names."""
    given = dict(variables(manifests, pod))
    files = mounted(manifests, pod)
    for name, path in list(given.items()):
        if name.endswith("_FILE") and path in files:
            key = files[path]
            (place / key).write_text(SECRETS.get(key, f"5dUe8hXwq2-{len(files)}-5dUe8hXwq2-5dUe8hXwq2"))
            given[name] = key
    return given


@check
def every_secret_is_used(manifests: Manifests) -> Iterator[str]:
    used: set[str] = set()
    for pod in manifests.pods():
        files = mounted(manifests, pod)
        used |= {files[path] for path in variables(manifests, pod).values() if path in files}
    for name, keys in secret_keys(manifests).items():
        if unused := keys - used:
            yield f"Secret/{name}: nobody reads {', '.join(sorted(unused))}"


@check
def secrets_are_not_in_settings(manifests: Manifests) -> Iterator[str]:
    secret = {row.name for row in table() if row.secret}
    for where, document in manifests.of("ConfigMap"):
        for name in secret & set(document.get("data", {})):
            yield f"{where}: {name} is a secret and stands in a ConfigMap"


@check
def ports_are_those_of_the_settings(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        given = variables(manifests, pod) if pod.is_ours else {}
        for port in pod.spec["containers"][0].get("ports", []) if pod.is_ours else ():
            setting = {"http": "PORT", "metrics": "METRICS_PORT"}.get(port.get("name", ""), "PORT")
            if given.get(setting) != str(port["containerPort"]):
                yield f"{pod.where}: {setting} is {given.get(setting)}, its port {port['containerPort']}"
            if given.get("HOST") != "0.0.0.0":
                yield f"{pod.where}: listens on {given.get('HOST')}, which nobody outside of the pod reaches"


@check
def what_is_run_exists(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers if pod.is_ours else ():
            if not is_command(container.get("args", [])):
                yield f"{pod.where}: {' '.join(container.get('args', []))} is no command"


@check
def every_queue_has_workers(manifests: Manifests) -> Iterator[str]:
    served: list[str] = []
    for pod in manifests.pods():
        if pod.is_ours and pod.spec["containers"][0]["name"] == "worker":
            own = variables(manifests, pod).get("WORKER_QUEUES", ",".join(QUEUES)).split(",")
            if pod.labels.get("millwright/queue") != ",".join(own):
                yield f"{pod.where}: is labelled {pod.labels.get('millwright/queue')} and serves {own}"
            served += own
    if served and sorted(served) != sorted(QUEUES):
        yield f"workers serve {sorted(served)}, the queues are {sorted(QUEUES)}"


@check
def changed_settings_restart_pods(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for source in pod.spec["containers"][0].get("envFrom", []):
            name = source.get("configMapRef", {}).get("name", "")
            if not name.rpartition("-")[2].isalnum() or len(name.rpartition("-")[2]) != 10:
                yield f"{pod.where}: {name} can change under pods that go on with the old one"
