# The other scripts source this file. It has the directories, the build commands, and the functions that run a step, show its
# progress and report its failure.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# One scratch directory for each kind of build, so that no build deletes the products of another.
debug_scratch=$root/.build
thread_scratch=$root/.build/thread-sanitizer
release_scratch=$root/.build/static-release
fuzz_scratch=$root/.build/fuzz
simulation_scratch=$root/.build/simulation
# The build of the programs that other machines run. The Swift runtime is linked statically, and the loader searches for
# libraries only in the system's directories. Two builds of one commit have the same bytes (scripts/reproducible): no path of
# this machine is in a program (-file-prefix-map), and neither is debug information nor a hash of the compiler's input, because
# both contain such paths.
release_build=(swift build -c release --static-swift-stdlib --disable-local-rpath --scratch-path "$release_scratch"
    -debug-info-format none -Xswiftc -file-prefix-map -Xswiftc "$root=." -Xcc "-ffile-prefix-map=$root=."
    -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen)
# The programs of a release. The simulators are not among them.
release_programs=(cloud-api-adaptor agent-protocol-forwarder peerpodctl)
spdx_tools=$root/.build/peers/spdx-tools
# The directory with the programs kubectl and helm (scripts/setup test installs them).
kubernetes_tools=$root/.build/peers/kubernetes
# A virtual environment with what checks the manifests: kubernetes-validate and an evaluator of CEL.
manifest_tools=$root/.build/peers/manifests
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

# The version of the project, from the one place that has it.
project_version() {
    local version
    version=$(sed -n -E 's/.*static let text = "([^"]+)".*/\1/p' "$root/Sources/Configuration/ProjectVersion.swift")
    [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?$ ]] ||
        die "Sources/Configuration/ProjectVersion.swift has no version such as 1.2.3 or 1.2.3-dev."
    printf '%s' "$version"
}

# Adds an installed toolchain to PATH when PATH has none.
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

# Azure's swagger, and the program that compares recorded traffic with it, are not part of this repository.
azure_specification=${AZURE_SPEC_DIR:-$root/../shared/azure-spec}

# check_azure_traffic DIRECTORY: succeeds when Azure's own specification allows all requests and answers that DIRECTORY has.
# Prints SKIP and succeeds when there is no specification or no traffic.
check_azure_traffic() {
    local recordings=("$1"/*.jsonl)
    if [[ ! -f $azure_specification/check_request.py ]]; then
        say "SKIP: no check_request.py in AZURE_SPEC_DIR ($azure_specification), so the recorded traffic is not compared"
        return 0
    fi
    if [[ ! -e ${recordings[0]} ]]; then
        say "SKIP: no traffic was recorded"
        return 0
    fi
    cat "${recordings[@]}" >"$1/all"
    # The token endpoint and the metadata service are not part of Azure Resource Manager, so the swagger does not have them.
    python3 "$azure_specification/check_request.py" --capture "$1/all" --allow-unknown --quiet
}

# fake_azure_control ADDRESS DIRECTORY PATH: a GET of the control endpoint of the fake Azure whose state is in DIRECTORY.
fake_azure_control() {
    local connection
    exec {connection}<>"/dev/tcp/${1%:*}/${1##*:}"
    printf 'GET /control/%s HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n' "$3" "$(<"$2/secret")" >&"$connection"
    sed '1,/^\r$/d' <&"$connection"
    exec {connection}>&-
}

# contains_no_simulator PROGRAM: whether a program that was built (and not stripped) has no symbol and no text that names a
# module of Sources/Simulators. A program whose symbols cannot be read fails the check.
contains_no_simulator() {
    local program=$1 module symbols texts status=0
    symbols=$(nm --no-sort "$program") || return 1
    texts=$(strings -n 6 "$program") || return 1
    # Swift's symbols contain the length of a module's name and the name.
    if ! grep -q '7LinuxIO' <<<"$symbols"; then
        say "error: $program has no symbols of this project, so the check is not possible (is the program stripped?)"
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
# A file with the first errors of each failed step, which the end of the output repeats. A script that another one starts adds to
# the same file.
if [[ -z ${FAILURES_FILE:-} ]]; then
    export FAILURES_FILE=$logs/failures
    mkdir -p "$logs"
    : >"$FAILURES_FILE"
fi

# step NAME COMMAND...: runs the command, writes its output to a log, and shows the progress and the result. After a failure it
# prints the errors from the log and adds the name to failed_steps.
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
        # Show the counts of the test runner and the tests that it skipped.
        if [[ -z $verbose ]]; then
            sed -n -E -e '/(➜|Test .* skipped|^SKIP)/s/^/    /p' -e '/(Test run with .* (passed|failed)|passed, [0-9]+ failed|checked, [0-9]+ errors)/p' "$log"
        fi
    else
        say "${clear}${red}✗${plain} $name ${dim}$(seconds_since "$started"), exit status $status${plain}"
        [[ -n $verbose ]] || explain_failure "$log"
        failed_steps+=("$name")
        { say "$name:" && summary_of "$log" | sed 's/^/    /'; } >>"$FAILURES_FILE"
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

# The lines of a log that say what failed. Of a report of ThreadSanitizer it prints the frames in the project's own code.
errors_of() {
    awk '/WARNING: ThreadSanitizer/ { report = 1 }
        report && /\/(Sources|Tests)\// { sub(/ \(cloud-api-adaptorPackageTests.*/, ""); print; next }
        report && /^  [A-Z]/ { print; next }
        /error:|✘|FAIL|^ERROR|SUMMARY: |WARNING: ThreadSanitizer|panic:|: broken: / { print }
        /SUMMARY: / { report = 0 }' "$1" | awk '!seen[$0]++' | head -n 60
}

# The first errors of a log; the end of a log that names none.
summary_of() {
    local errors
    errors=$(errors_of "$1" | head -n 12)
    if [[ -n $errors ]]; then printf '%s\n' "$errors"; else tail -n 5 "$1"; fi
}

explain_failure() {
    local log=$1 errors
    errors=$(errors_of "$log")
    if [[ -n $errors ]]; then
        sed 's/^/    /' <<<"$errors"
    fi
    # With few errors, the end of the log shows their context.
    if (($(wc -l <<<"$errors") < 6)); then
        say "    ${dim}...${plain}"
        tail -n 25 "$log" | sed 's/^/    /'
    fi
    say "    ${dim}the whole log: $log${plain}"
}

# Prints the result of a script, and exits with status 1 when a step failed.
finish() {
    local what=$1 started=$2
    if ((${#failed_steps[@]} > 0)); then
        say "${red}${bold}$what failed${plain} after $(seconds_since "$started"):"
        printf '  - %s\n' "${failed_steps[@]}"
        cat "$FAILURES_FILE"
        exit 1
    fi
    say "${green}${bold}$what passed${plain} in $(seconds_since "$started")."
}
