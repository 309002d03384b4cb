"""Kinds, versions and fields that the API server knows; those of operators by shapes of our own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import msgspec

from tests.k8s.check import check
from tests.k8s.custom_resources import SHAPES
from tests.k8s.manifests import Manifests, called

SUPPORTED = ("1.34", "1.37")
"""Oldest and newest Kubernetes that the manifests are for."""


@check
def fields_are_known_to_kubernetes(manifests: Manifests) -> Iterator[str]:
    for document in manifests.documents:
        if (document.get("apiVersion"), document.get("kind")) in SHAPES:
            continue
        for version in SUPPORTED:
            if fault := _refused(document, version):
                yield f"{called(document)}: Kubernetes {version} refuses it: {fault}"


def _refused(document: dict[str, Any], version: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            return str(error.message)
        except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError) as error:
            return f"it does not know {document.get('apiVersion')} {document.get('kind')} ({error})"
    return None


@check
def fields_are_known_to_operators(manifests: Manifests) -> Iterator[str]:
    for document in manifests.documents:
        shape = SHAPES.get((str(document.get("apiVersion")), str(document.get("kind"))))
        if shape is None:
            continue
        try:
            msgspec.convert(document, shape)
        except msgspec.ValidationError as error:
            yield f"{called(document)}: {error}"
