#!/usr/bin/env python3
"""Plays systemd's store of descriptors for one service, which it kills and starts again.

usage: manager.py PROGRAM ARGUMENT...

As sd_notify(3) and sd_listen_fds_with_names(3) say. Commands are lines on standard input: `kill` (SIGKILL) and `count`
(the number of stored descriptors). Events are lines on standard output: `ready`, `killed`, `count N`, `exited STATUS`.
The end of standard input ends the service with SIGTERM. A service that ends before that is started again. Only the first
process has the variables PEERPODS_CRASH_POINT and PEERPODS_CRASH_AFTER.
"""
import fcntl
import os
import select
import signal
import socket
import sys
import tempfile

stored = {}  # name -> descriptor


def start(arguments, notify_path, variables={}):
    pid = os.fork()
    if pid:
        return pid
    # In systemd the order is not that of storing either.
    names = sorted(stored, reverse=True)
    high = [fcntl.fcntl(stored[name], fcntl.F_DUPFD, 200) for name in names]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, 3 + index, inheritable=True)
        os.close(descriptor)
    os.closerange(3 + len(names), 300)
    environment = {"NOTIFY_SOCKET": notify_path, "FDSTORE": "256"} | variables
    if names:
        environment |= {
            "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)}
    os.execve(arguments[0], arguments, environment)


def handle(message, descriptors):
    values = dict(line.split("=", 1) for line in message.decode().split("\n") if "=" in line)
    name = values.get("FDNAME", "stored")
    if values.get("FDSTORE") == "1":
        for descriptor in descriptors:
            if name in stored:
                os.close(stored[name])
            stored[name] = descriptor
    if values.get("FDSTOREREMOVE") == "1" and name in stored:
        os.close(stored.pop(name))
    if values.get("READY") == "1":
        print("ready", flush=True)


def drain(notify):
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(notify, 4096, 8)
        except BlockingIOError:
            return
        handle(message, descriptors)


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/notify"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        notify.bind(path)
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        crash = {name: value for name, value in os.environ.items() if name.startswith("PEERPODS_CRASH_")}
        pid = start(arguments, path, crash)
        buffer = b""
        while True:
            readable, _, _ = select.select([0, notify, wake], [], [])
            if wake in readable:
                os.read(wake, 4096)
                if os.waitpid(pid, os.WNOHANG)[0] == pid:
                    # systemd reads all messages before it handles the end of a process.
                    drain(notify)
                    print("killed", flush=True)
                    pid = start(arguments, path)
            if notify in readable:
                drain(notify)
            if 0 not in readable:
                continue
            piece = os.read(0, 4096)
            if not piece:
                os.kill(pid, signal.SIGTERM)
                print("exited", os.waitpid(pid, 0)[1], flush=True)
                return
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                drain(notify)
                if line == b"kill":
                    os.kill(pid, signal.SIGKILL)
                elif line == b"count":
                    print("count", len(stored), flush=True)


main()
