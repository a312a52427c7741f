"""Takes VMs through their lives with Microsoft's own SDK, against the Azure that the environment names.

usage: life.py USERDATA-FILE, with AZURE_* as `fake-azure -tls -env-file` writes them

Prints a line for each thing that held, as JSON: {"step": ..., "seconds": ...}. What does not hold ends it with a traceback.
"""

import json
import os
import sys
import time

# The SDK takes its authorities from here.
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["AZURE_CA_FILE"]

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient

TENANT, CLIENT, SUBSCRIPTION = (os.environ[f"AZURE_{name}_ID"] for name in ("TENANT", "CLIENT", "SUBSCRIPTION"))
GROUP, REGION, SIZE = (os.environ[f"AZURE_{name}"] for name in ("RESOURCE_GROUP", "REGION", "INSTANCE_SIZE"))
ENDPOINT, AUTHORITY = (os.environ[f"AZURE_{name}"] for name in ("MANAGEMENT_ENDPOINT", "AUTHORITY_HOST"))

started = time.monotonic()


def held(step, condition=True, detail=""):
    """One thing that must be so."""
    assert condition, f"{step}: {detail}"
    print(json.dumps({"step": step, "seconds": round(time.monotonic() - started, 2)}), flush=True)


def credential(secret):
    return ClientSecretCredential(
        TENANT, CLIENT, secret, authority=AUTHORITY, disable_instance_discovery=True)


def client(kind, secret=os.environ["AZURE_CLIENT_SECRET"]):
    return kind(
        credential(secret), SUBSCRIPTION, base_url=ENDPOINT, credential_scopes=[ENDPOINT + "/.default"], polling_interval=1)


def body(name, user_data, **changes):
    """A confidential VM, as the adaptor asks for one."""
    properties = {
        "hardwareProfile": {"vmSize": SIZE},
        "securityProfile": {
            "securityType": "ConfidentialVM", "uefiSettings": {"secureBootEnabled": False, "vTpmEnabled": True}},
        "storageProfile": {
            "imageReference": {"id": os.environ["AZURE_IMAGE_ID"]},
            "osDisk": {
                "name": name + "-disk", "createOption": "FromImage", "caching": "ReadWrite", "deleteOption": "Delete",
                "managedDisk": {
                    "storageAccountType": "Premium_LRS",
                    "securityProfile": {"securityEncryptionType": "VMGuestStateOnly"}}}},
        "osProfile": {
            "computerName": name, "adminUsername": "peerpod",
            "linuxConfiguration": {
                "disablePasswordAuthentication": True,
                "ssh": {"publicKeys": [{
                    "path": "/home/peerpod/.ssh/authorized_keys",
                    "keyData": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE1qYc0T2jQ3Xo3i0fGZ0qkGqkQ2mTt0xGqf0mXnJ4Wd peer"}]}}},
        "networkProfile": {
            "networkApiVersion": "2020-11-01",
            "networkInterfaceConfigurations": [{
                "name": name + "-net",
                "properties": {
                    "primary": True, "deleteOption": "Delete",
                    "networkSecurityGroup": {"id": os.environ["AZURE_NSG_ID"]},
                    "ipConfigurations": [{
                        "name": "ip-config",
                        "properties": {"primary": True, "subnet": {"id": os.environ["AZURE_SUBNET_ID"]}}}]}}]},
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        "userData": user_data,
    }
    properties.update(changes)
    return {"location": REGION, "tags": {"made-by": "azure-sdk"}, "properties": properties}


def refused(kind, code, call):
    """That a call is refused, in this way."""
    try:
        call()
    except kind as error:
        found = error.error.code if error.error else None
        assert found == code, f"expected {code}, found {found}: {error}"
        return
    raise AssertionError(f"expected {code}, but it was accepted")


def main(user_data):
    compute, network = client(ComputeManagementClient), client(NetworkManagementClient)
    vms = compute.virtual_machines

    names = {sku.name for sku in compute.resource_skus.list(filter=f"location eq '{REGION}'")}
    held("sizes", SIZE in names, names)
    usages = {usage.name.value for usage in compute.usage.list(REGION)}
    held("quota", "cores" in usages, usages)

    made = vms.begin_create_or_update(GROUP, "sdk-1", body("sdk-1", user_data)).result()
    held("create", made.provisioning_state == "Succeeded", made.provisioning_state)
    held("own tags", made.tags["made-by"] == "azure-sdk", made.tags)
    held("confidential", made.security_profile.security_type == "ConfidentialVM", made.security_profile)
    held("vm id", bool(made.vm_id))

    again = vms.get(GROUP, "sdk-1", expand="instanceView")
    codes = {status.code for status in again.instance_view.statuses}
    held("instance view", "PowerState/running" in codes, codes)
    view = vms.instance_view(GROUP, "sdk-1")
    held("instance view alone", {status.code for status in view.statuses} == codes)
    held("user data", vms.get(GROUP, "sdk-1", expand="userData").user_data == user_data)

    interface = again.network_profile.network_interfaces[0].id.rsplit("/", 1)[-1]
    nic = network.network_interfaces.get(GROUP, interface)
    held("address", nic.ip_configurations[0].private_ip_address.count(".") == 3, nic.ip_configurations[0])
    held("interface's vm", nic.virtual_machine.id.lower() == again.id.lower(), nic.virtual_machine)
    disk = compute.disks.get(GROUP, "sdk-1-disk")
    held("disk", disk.managed_by.lower() == again.id.lower(), disk.managed_by)

    vms.begin_create_or_update(GROUP, "sdk-2", body("sdk-2", user_data)).result()
    held("list", {vm.name for vm in vms.list(GROUP)} == {"sdk-1", "sdk-2"})
    held("list all", {vm.name for vm in vms.list_all()} >= {"sdk-1", "sdk-2"})

    updated = vms.begin_update(GROUP, "sdk-1", {"tags": {"made-by": "azure-sdk", "more": "1"}}).result()
    held("update", updated.tags == {"made-by": "azure-sdk", "more": "1"}, updated.tags)
    same = vms.begin_create_or_update(GROUP, "sdk-2", body("sdk-2", user_data)).result()
    held("create again", same.provisioning_state == "Succeeded", same.provisioning_state)

    refused(ResourceNotFoundError, "ResourceNotFound", lambda: vms.get(GROUP, "sdk-3"))
    refused(
        HttpResponseError, "InvalidParameter",
        lambda: vms.begin_create_or_update(
            GROUP, "sdk-3", body("sdk-3", user_data, hardwareProfile={"vmSize": "Standard_Nonsense"})))
    refused(
        HttpResponseError, "BadRequest",
        lambda: vms.begin_create_or_update(
            GROUP, "sdk-3", body("sdk-3", user_data, hardwareProfile={"vmSize": "Standard_D2as_v5"})))
    held("refusals")
    try:
        list(client(ComputeManagementClient, "guess").virtual_machines.list(GROUP))
        raise AssertionError("a wrong secret was accepted")
    except ClientAuthenticationError:
        held("wrong secret")

    for name in ("sdk-1", "sdk-2"):
        vms.begin_delete(GROUP, name, force_deletion=True).result()
    held("delete", list(vms.list(GROUP)) == [])
    refused(ResourceNotFoundError, "ResourceNotFound", lambda: network.network_interfaces.get(GROUP, interface))
    refused(ResourceNotFoundError, "ResourceNotFound", lambda: compute.disks.get(GROUP, "sdk-1-disk"))
    held("nothing left", list(network.network_interfaces.list(GROUP)) == [] and list(compute.disks.list()) == [])
    vms.begin_delete(GROUP, "sdk-1").result()
    held("delete again")


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        main(file.read().strip())
