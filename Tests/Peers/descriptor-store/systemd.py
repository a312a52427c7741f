#!/usr/bin/env python3
"""Runs one service under a real systemd, a user's manager in a mount namespace of its own. Needs root.

usage: systemd.py PROGRAM ARGUMENT...

Commands and events are those of manager.py. The unit has the directives of agent-protocol-forwarder.service that concern
restarts. systemd 252 does not set FDSTORE, so the unit does.
"""
import os
import subprocess
import sys
import tempfile
import time

UNIT = "forwarder.service"


def manage(directory, arguments):
    os.makedirs("/run/systemd/system")
    os.makedirs(f"{directory}/run", mode=0o700)
    os.makedirs(f"{directory}/config/systemd/user")
    environment = os.environ | {"XDG_RUNTIME_DIR": f"{directory}/run", "XDG_CONFIG_HOME": f"{directory}/config"}
    with open(f"{directory}/config/systemd/user/{UNIT}", "w", encoding="utf-8") as file:
        file.write(
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify\nRestart=on-failure\nRestartSec=50ms\n"
            "FileDescriptorStoreMax=256\nEnvironment=FDSTORE=256\n"
            f"ExecStart={' '.join(arguments)}\n")

    def control(*words):
        run = subprocess.run(
            ["systemctl", "--user", *words], env=environment, check=True, capture_output=True, text=True)
        return run.stdout.strip()

    def shown(name):
        return control("show", "--value", "-p", name, UNIT)

    with open(os.devnull, "w", encoding="utf-8") as null:
        manager = subprocess.Popen(["/lib/systemd/systemd", "--user"], env=environment, stdout=null, stderr=null)
    try:
        while not os.path.exists(f"{directory}/run/systemd/private"):
            if manager.poll() is not None:
                sys.exit("systemd does not start")
            time.sleep(0.02)
        control("start", UNIT)
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                before = shown("MainPID")
                control("kill", "--signal=KILL", UNIT)
                while shown("ActiveState") != "active" or shown("MainPID") == before:
                    time.sleep(0.01)
                print("killed\nready", flush=True)
            else:
                print("count", shown("NFileDescriptorStore"), flush=True)
        control("stop", UNIT)
        print("exited", 0 if shown("Result") == "success" else shown("Result"), flush=True)
    finally:
        manager.kill()
        manager.wait()


def main():
    if sys.argv[1:2] == ["--inside"]:
        with tempfile.TemporaryDirectory() as directory:
            manage(directory, sys.argv[2:])
    else:
        inside = 'mount -t tmpfs none /run && exec "$@"'
        os.execvp(
            "unshare", ["unshare", "-m", "sh", "-c", inside, "sh", sys.executable, __file__, "--inside", *sys.argv[1:]])


main()
