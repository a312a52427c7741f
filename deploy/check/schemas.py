#!/usr/bin/env python3
"""Compares manifests with Kubernetes's own schemas; unknown fields are errors.

usage: schemas.py FILE...

Uses the package kubernetes-validate. Kinds that Kubernetes itself does not have are only checked for a name; they must be among OTHERS.
"""
import json, sys, yaml, kubernetes_validate

# The oldest version that the chart permits, and the newest that the package knows.
VERSIONS = ["1.30", "1.37"]
OTHERS = {("monitoring.coreos.com/v1", "PodMonitor"), ("monitoring.coreos.com/v1", "PrometheusRule"),
          ("confidentialcontainers.org/v1alpha1", "PeerPod"), ("serving.kserve.io/v1beta1", "InferenceService")}
# Kinds that older versions do not have.
SINCE = {"MutatingAdmissionPolicy": "1.36", "MutatingAdmissionPolicyBinding": "1.36"}

def number(version): return tuple(int(part) for part in version.split("."))

errors, seen = [], set()
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file: documents = list(yaml.safe_load_all(file))
    for item in documents:
        if not item or item.get("kind") == "Kustomization": continue
        text = json.dumps(item, sort_keys=True)
        if text in seen: continue
        seen.add(text)
        kind = item.get("kind")
        if (item.get("apiVersion"), kind) in OTHERS:
            if not item["metadata"].get("name"): errors.append(f"{name}: a {kind} has no name")
            continue
        for version in VERSIONS:
            if number(version) < number(SINCE.get(kind, "1.0")): continue
            try: kubernetes_validate.validate(item, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                errors.append(f"{name}: {kind} {item['metadata']['name']}: {version}: {'.'.join(map(str, error.path))}: {error.message[:300]}")
            except kubernetes_validate.SchemaNotFoundError: errors.append(f"{name}: {kind} is not known in Kubernetes {version}")
for error in errors: print(f"error: {error}")
print(f"{len(seen)} objects: checked, {len(errors)} errors")
sys.exit(1 if errors else 0)
