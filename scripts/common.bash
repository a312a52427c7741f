# Sourced by the scripts beside it: where things are, how a step is shown, how a failure reads.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# One scratch directory for each way of building, so that none throws away another's work.
debug_scratch=$root/.build
thread_scratch=$root/.build/thread-sanitizer
release_scratch=$root/.build/static-release
fuzz_scratch=$root/.build/fuzz
# How the programs are built that leave this machine: no Swift to install, and no path beside them or of this machine's
# toolchain in which the loader would look for libraries.
release_build=(swift build -c release --static-swift-stdlib --disable-local-rpath --scratch-path "$release_scratch")
# What a release consists of. The simulators are for tests and demonstrations.
release_programs=(cloud-api-adaptor agent-protocol-forwarder peerpodctl)
logs=$root/.build/logs
verbose=${VERBOSE:-}

if [[ -t 1 ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' yellow=$'\e[33m' plain=$'\e[0m' clear=$'\r\e[K'
else
    bold='' dim='' green='' red='' yellow='' plain='' clear=''
fi

say() { printf '%s\n' "$*"; }
warn() { printf '%s%s%s\n' "$yellow" "$*" "$plain" >&2; }
die() {
    printf '%s%s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}

# The header comment of a script is its help.
help_of() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$1"; }

# Milliseconds on a clock, for durations.
now() { printf '%s' $((${EPOCHREALTIME/[.,]/} / 1000)); }

seconds_since() {
    local elapsed=$(($(now) - $1))
    printf '%d.%d s' $((elapsed / 1000)) $((elapsed % 1000 / 100))
}

# Puts a toolchain on the path that is installed but not on it.
find_swift() {
    command -v swift >/dev/null && return 0
    local directory
    for directory in "${SWIFT_HOME:-/nowhere}/usr/bin" /opt/swift/usr/bin "$HOME/.local/share/swiftly/bin"; do
        if [[ -x $directory/swift ]]; then
            PATH=$directory:$PATH
            return 0
        fi
    done
    return 1
}

# Azure's swagger, and the program that compares recorded traffic with it, are no part of this repository.
azure_specification=${AZURE_SPEC_DIR:-$root/../shared/azure-spec}

# check_azure_traffic DIRECTORY: whether all that was recorded there is what Azure's own specification allows,
# requests and answers. Says so, and succeeds, when there is nothing to compare with.
check_azure_traffic() {
    local recordings=("$1"/*.jsonl)
    if [[ ! -f $azure_specification/check_request.py ]]; then
        say "SKIP: no check_request.py in AZURE_SPEC_DIR ($azure_specification), so that the recorded traffic is not compared"
        return 0
    fi
    if [[ ! -e ${recordings[0]} ]]; then
        say "SKIP: no traffic was recorded"
        return 0
    fi
    cat "${recordings[@]}" >"$1/all"
    # What is beside Azure Resource Manager - tokens, metadata - has no swagger there.
    python3 "$azure_specification/check_request.py" --capture "$1/all" --allow-unknown --quiet
}

# contains_no_simulator PROGRAM: whether a program that was built (and not stripped) has no symbol and no text that names a
# module of Sources/Simulators. A program whose symbols cannot be read fails the check.
contains_no_simulator() {
    local program=$1 module symbols texts status=0
    symbols=$(nm --no-sort "$program") || return 1
    texts=$(strings -n 6 "$program") || return 1
    # Swift's symbols contain the length of a module's name and the name.
    if ! grep -q '7LinuxIO' <<<"$symbols"; then
        say "error: $program has no symbols of this project, so that nothing can be said of it"
        return 1
    fi
    for module in "$root"/Sources/Simulators/*; do
        module=$(basename "$module")
        [[ $module != Programs ]] || continue
        if grep -m 3 "${#module}$module" <<<"$symbols" || grep -m 3 -w "$module" <<<"$texts"; then
            say "error: $program contains the simulator module $module"
            status=1
        fi
    done
    return "$status"
}

failed_steps=()

# step NAME COMMAND...: runs the command with its output in a log, shows that it goes on, and
# how it ended. A failure is shown with what matters of the log, and remembered.
step() {
    local name=$1 started ticker='' status=0 log
    shift
    log=$logs/$(tr -cs 'A-Za-z0-9' '-' <<<"${name,,}" | sed 's/-$//').log
    mkdir -p "$logs"
    started=$(now)
    if [[ -n $verbose ]]; then
        say "${bold}▸ $name${plain}"
        "$@" </dev/null 2>&1 | tee "$log" || status=$?
    else
        if [[ -t 1 ]]; then
            show_progress "$name" "$started" "$log" &
            ticker=$!
        else
            say "▸ $name ..."
        fi
        "$@" </dev/null >"$log" 2>&1 || status=$?
        if [[ -n $ticker ]]; then
            kill "$ticker" 2>/dev/null || true
            wait "$ticker" 2>/dev/null || true
        fi
    fi
    if ((status == 0)); then
        say "${clear}${green}✓${plain} $name ${dim}$(seconds_since "$started")${plain}"
        # What the test runner counted, and what it could not run here, belongs in the open.
        if [[ -z $verbose ]]; then
            sed -n -E -e '/(➜|Test .* skipped|^SKIP)/s/^/    /p' -e '/(Test run with .* (passed|failed)|passed, [0-9]+ failed|checked, [0-9]+ errors)/p' "$log"
        fi
    else
        say "${clear}${red}✗${plain} $name ${dim}$(seconds_since "$started"), exit status $status${plain}"
        [[ -n $verbose ]] || explain_failure "$log"
        failed_steps+=("$name")
    fi
    return "$status"
}

show_progress() {
    local name=$1 started=$2 log=$3 line room
    trap 'exit 0' TERM INT
    while true; do
        line=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' || true)
        room=$(($(tput cols 2>/dev/null || printf 80) - ${#name} - 16))
        ((room > 0)) || room=1
        printf '%s▸ %s %s%s  %s%s' "$clear" "$name" "$dim" "$(seconds_since "$started")" "${line:0:room}" "$plain"
        sleep 0.5
    done
}

explain_failure() {
    local log=$1 errors
    errors=$(grep -E '(error:|✘|FAIL|^ERROR|SUMMARY: |WARNING: ThreadSanitizer|panic:)' "$log" | awk '!seen[$0]++' | head -n 40 || true)
    if [[ -n $errors ]]; then
        sed 's/^/    /' <<<"$errors"
    fi
    # Many errors speak for themselves; few want what came around them.
    if (($(wc -l <<<"$errors") < 6)); then
        say "    ${dim}...${plain}"
        tail -n 25 "$log" | sed 's/^/    /'
    fi
    say "    ${dim}all of it: $log${plain}"
}

# Ends a script with its verdict.
finish() {
    local what=$1 started=$2
    if ((${#failed_steps[@]} > 0)); then
        say "${red}${bold}$what failed${plain} after $(seconds_since "$started"):"
        printf '  - %s\n' "${failed_steps[@]}"
        exit 1
    fi
    say "${green}${bold}$what passed${plain} in $(seconds_since "$started")."
}
