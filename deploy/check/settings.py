#!/usr/bin/env python3
"""Compares the chart with the settings in the Swift sources.

usage: settings.py [--fix]

The keys that the chart's schema permits in providerConfigs.azure must be the environment variables of "cloud-api-adaptor azure",
"cloud-api-adaptor gateway" and "cloud-api-adaptor controller", without those that the chart itself sets, without secrets, and without the settings of the fake Azure,
which the schema permits by their prefix. --fix writes them into the schema.
Metrics that alerts and dashboard name must be metrics of the sources, and each alert must have an entry in docs/runbook.md.
"""
import json, os, re, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHART = f"{ROOT}/deploy/charts/peerpods"
# Of these modules, both programs have the settings.
MODULES = ["CloudAPIAdaptor", "AzureProvider", "PodConnection", "Gateway", "FakeAzureLauncher", "AzureBackend", "Kubernetes", "PodVMLifecycle"]
# The chart sets these itself, or they belong into a Secret.
OTHERS = {"AZURE_CLIENT_SECRET", "NODE_NAME", "POD_UID", "POD_NAMESPACE", "CLOUD_PROVIDER", "GATEWAY", "FAKE_CLOUD", "CONTROLLER_LEASE",
          "CONTROLLER_LISTEN", "CONTROLLER_WEBHOOK", "CONTROLLER_WEBHOOK_LISTEN", "CONTROLLER_WEBHOOK_SERVICE", "CONTROLLER_WEBHOOK_SECRET",
          "CONTROLLER_WEBHOOK_CONFIGURATION", "CONTROLLER_WEBHOOK_RUNTIME_CLASS", "CONTROLLER_WEBHOOK_EXTENDED_RESOURCE"}

def read(path):
    with open(path, encoding="utf-8") as file: return file.read()

def sources():
    for module in MODULES:
        for directory, _, names in os.walk(f"{ROOT}/Sources/{module}"):
            yield from (read(os.path.join(directory, name)) for name in names if name.endswith(".swift"))

def variables():
    return {name for text in sources() for name in re.findall(r"environment: \"([A-Z][A-Z0-9_]*)\"", text)}

def metrics():
    found = set()
    for directory, _, names in os.walk(f"{ROOT}/Sources"):
        for name in names:
            if name.endswith(".swift"): found |= set(re.findall(r"\"((?:peerpods|process)_[a-z_]+)\"", read(os.path.join(directory, name))))
    return found

def main():
    problems = []
    path = f"{CHART}/values.schema.json"
    schema = json.loads(read(path))
    names = schema["properties"]["providerConfigs"]["properties"]["azure"]["propertyNames"]["anyOf"][0]
    expected = sorted(variables() - OTHERS)
    if names["enum"] != expected:
        if "--fix" in sys.argv:
            names["enum"] = expected
            with open(path, "w", encoding="utf-8") as file: file.write(json.dumps(schema, indent=2) + "\n")
        else:
            problems += [f"values.schema.json permits {name}, which the adaptor does not read" for name in set(names["enum"]) - set(expected)]
            problems += [f"values.schema.json does not permit {name}, which the adaptor reads" for name in set(expected) - set(names["enum"])]
            problems.append("run scripts/check-deploy --fix")

    known = metrics()
    for file in ("alerts.yaml", "alerts.test.yaml", "dashboard.json"):
        for name in set(re.findall(r"\b(?:peerpods|process)_[a-z_]+\b", read(f"{CHART}/files/{file}"))):
            if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known:
                problems.append(f"files/{file} names the metric {name}, which the adaptor does not have")
    runbook = read(f"{ROOT}/docs/runbook.md")
    alerts = read(f"{CHART}/files/alerts.yaml")
    for alert in re.findall(r"alert: (\w+)", alerts):
        if f"\n## {alert}\n" not in runbook: problems.append(f"docs/runbook.md has no entry for the alert {alert}")
        if f"RUNBOOK#{alert.lower()}\n" not in alerts: problems.append(f"the alert {alert} has no link to its entry")
    version = re.search(r"static let text = \"([^\"]+)\"", read(f"{ROOT}/Sources/Configuration/ProjectVersion.swift"))[1]
    for field in ("version", "appVersion"):
        if f"\n{field}: {version}\n" not in read(f"{CHART}/Chart.yaml"): problems.append(f"Chart.yaml: {field} is not {version}")
    for problem in problems: print(f"error: {problem}")
    if problems: sys.exit(1)
    print(f"{len(expected)} settings, {len(known)} metrics: checked, 0 errors")

if __name__ == "__main__": main()
