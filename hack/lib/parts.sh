# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# Long-running programs ("parts") of a local cluster: started in sessions of their own, each with a
# log, a pid file and the command line it was started by, so that each can be stopped and started again
# by name. Needs progress.sh, and $state: the directory of the cluster. A part NAME is the directory
# $state/parts/NAME with the files
#   command   the command line, quoted for bash
#   ready     the test (quoted for bash) that succeeds once the part serves
#   pid       the process id and its start time (a later process with the same id is not ours)
#   log       both outputs, appended over restarts

# part_dir NAME
part_dir() { printf '%s/parts/%s\n' "$state" "$1"; }

# process_start PID: when the process started, in clock ticks after boot; fails if there is none or it
# is a zombie.
process_start() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -r -a fields <<<"${stat##*) }" # the name before may contain blanks
  [[ ${fields[0]} != Z ]] || return 1
  printf '%s\n' "${fields[19]}"
}

# part_pid NAME: the process id if the part runs; fails if not.
part_pid() {
  local pid start
  { read -r pid start <"$(part_dir "$1")/pid"; } 2>/dev/null || return 1
  [[ -n $start && $(process_start "$pid") == "$start" ]] || return 1
  printf '%s\n' "$pid"
}

# part_names: those of this cluster, in the order they were defined.
part_names() {
  [[ ! -f $state/parts/order ]] || cat "$state/parts/order"
}

# define_part NAME READY_TEST PROGRAM [ARGUMENT...]: says how the part is started; starts nothing.
define_part() {
  local name=$1 ready=$2 dir
  shift 2
  dir=$(part_dir "$name")
  mkdir -p "$dir"
  printf '%q ' "$@" >"$dir/command"
  printf '%s\n' "$ready" >"$dir/ready"
  grep -qxF -- "$name" "$state/parts/order" 2>/dev/null || printf '%s\n' "$name" >>"$state/parts/order"
}

# start_part NAME: starts it unless it runs. Does not wait for it.
start_part() {
  local name=$1 dir
  dir=$(part_dir "$name")
  [[ -f $dir/command ]] || die "there is no part '$name' in this cluster; it has: $(part_names | tr '\n' ' ')"
  ! part_pid "$name" >/dev/null || return 0
  rm -f "$dir/pid"
  # The new session's shell notes its own id and start time, then becomes the part. Locks stay here.
  # shellcheck disable=SC2016  # for the inner shell
  setsid --fork bash -c '
    stat=$(</proc/$$/stat)
    read -r -a fields <<<"${stat##*) }"
    printf "%s %s\n" "$$" "${fields[19]}" >"$1/pid.new" && mv "$1/pid.new" "$1/pid"
    eval "exec $(<"$1/command")"
  ' sluice-part "$dir" </dev/null >>"$dir/log" 2>&1 8>&- 9>&-
}

# wait_for SECONDS TEST...: runs the test until it succeeds; fails after that time.
wait_for() {
  local limit=$(($1 * 1000000)) begin=${EPOCHREALTIME/[.,]/}
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/[.,]/} - begin < limit)) || return 1
    sleep 0.1
  done
}

# wait_part NAME [SECONDS]: waits until the part serves; on failure shows the end of its log and exits.
wait_part() {
  local name=$1 seconds=${2:-120} dir begin=$SECONDS
  dir=$(part_dir "$name")
  local ready
  ready=$(<"$dir/ready")
  wait_for 5 test -f "$dir/pid" || die "$name did not start; see $dir/log"
  until bash -c "$ready" >/dev/null 2>&1; do
    if ! part_pid "$name" >/dev/null; then
      part_failed "$name" "ended while starting"
    fi
    ((SECONDS - begin < seconds)) || part_failed "$name" "was not ready within $seconds s (test: $ready)"
    sleep 0.1
  done
}

# part_failed NAME WHAT: the end of the log, then the reason.
part_failed() {
  local log
  log=$(part_dir "$1")/log
  printf -- '--- the last lines of %s\n' "$log" >&2
  tail -n 25 "$log" | cut -c1-400 >&2
  printf -- '---\n' >&2
  die "$1 $2"
}

# stop_part NAME [SIGNAL]: ends the part and everything in its session's process group; waits for it,
# and kills what has not ended within 10 s.
stop_part() {
  local name=$1 signal=${2:-TERM} pid
  if pid=$(part_pid "$name"); then
    kill -s "$signal" -- "-$pid" 2>/dev/null || kill -s "$signal" "$pid" 2>/dev/null || true
    if ! wait_for 10 part_ended "$name"; then
      warn "$name did not end on SIG$signal within 10 s; killing it"
      kill -s KILL -- "-$pid" 2>/dev/null || true
      wait_for 5 part_ended "$name" || die "$name (process $pid) cannot be killed"
    fi
  fi
  rm -f "$(part_dir "$name")/pid"
}

part_ended() { ! part_pid "$1" >/dev/null; }
