# The demos source this file. It has the functions that start nothing: headings, and what a demo may leave behind. A demo sets
# $directory (its temporary directory) and $port (the port of the VMs' forwarders) first.

heading() { printf '\n%s%s%s\n%s%s%s\n' "$bold" "$1" "$plain" "$dim" "$(printf '%.0s─' $(seq ${#1}))" "$plain"; }
shown() { say "${dim}\$${plain} $*"; }

# Every process of the demo: it has the demo's directory as argument, variable, working directory,
# program or open file. Every process of a VM has at least an open file there.
processes_of_demo() {
    {
        grep -laF -- "$directory" /proc/[0-9]*/{cmdline,environ} 2>/dev/null || true
        find /proc/[0-9]*/{cwd,exe,fd} -lname "$directory*" 2>/dev/null || true
    } | cut -d/ -f3 | sort -un | while read -r process; do
        # The search's own processes name the directory too, but have ended by now.
        if [[ $process != "$$" ]] && grep -q '^State:.[^Z]' "/proc/$process/status" 2>/dev/null; then
            printf '%s %s\n' "$process" "$(tr '\0' ' ' 2>/dev/null <"/proc/$process/cmdline")"
        fi
    done
}

# The listeners on the forwarders' port, from the kernel's tables.
listeners_of_demo() {
    local hexadecimal
    hexadecimal=$(printf '%04X' "$port")
    awk -v port=":$hexadecimal" '$4 == "0A" && substr($2, length($2) - 4) == port {print "tcp " $2}' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
    awk -v directory="$directory" 'index($8, directory) == 1 {print "unix " $8}' /proc/net/unix
}

# The interfaces, named network namespaces, packet filter rules and mounts of this machine, one line each. (A
# namespace without a name ends with its last process.)
things_of_network() {
    ip -o link | awk '{sub(/@.*|:$/, "", $2); print "interface " $2}'
    find /run/netns -mindepth 1 2>/dev/null | sed 's/^/namespace /' || true
    nft -s list ruleset | awk '$1 == "table" {table = $3} NF > 1 {$1 = $1; print "rule in " table ": " $0}'
    awk '{print "mount " $5}' /proc/self/mountinfo
}

# count_of KIND FILE
count_of() { grep -c "^$1 " "$2" || true; }

# await_empty DIRECTORY...: waits up to ten seconds until the directories are empty.
await_empty() {
    local _
    for _ in $(seq 100); do
        [[ -n $(find "$@" -mindepth 1 -not -name ports -not -name .lock -not -name .cluster-identity 2>/dev/null) ]] || break
        sleep 0.1
    done
}

# Ends the process of a service; returns its exit status.
stop_service() {
    local process=$1 _
    kill -TERM "$process" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null
}
