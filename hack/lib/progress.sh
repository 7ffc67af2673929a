# shellcheck shell=bash
# Messages for the scripts under hack/: what is being done, what failed, and how long it has taken.
# Source it; it sets no shell options. Everything goes to standard error, so that a script's standard
# output stays free for its answer.

# The moment the script started. Set by whoever sources this first, read by elapsed.
: "${progress_started:=$EPOCHREALTIME}"

# elapsed: seconds since the script started, with one decimal.
elapsed() {
  local now=${EPOCHREALTIME/[.,]/} start=${progress_started/[.,]/}
  local tenths=$(((now - start) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# say TEXT...: one line of progress.
say() { printf '[%6ss] %s\n' "$(elapsed)" "$*" >&2; }

# warn TEXT...: something the reader should know, though the work goes on.
warn() { printf '[%6ss] warning: %s\n' "$(elapsed)" "$*" >&2; }

# die TEXT...: the reason and what to do about it, then exit 1.
die() {
  printf '[%6ss] error: %s\n' "$(elapsed)" "$*" >&2
  exit 1
}

# usage_error TEXT...: the call was wrong; exit 2, as is usual for that.
usage_error() {
  printf 'error: %s\nTry: %s --help\n' "$*" "$0" >&2
  exit 2
}
