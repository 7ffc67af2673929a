# shellcheck shell=bash
# Finding Go, and building pinned programs with it into the cache. Needs progress.sh and cache.sh.

# The oldest Go that builds the modules under hack/local-cluster.
readonly go_needed=1.26.0

# go_version PROGRAM: its version, as 1.26.8; fails if it does not run. Never lets Go fetch another Go.
go_version() {
  local version
  version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  printf '%s\n' "${version#go}"
}

# find_go: the path of a Go that is new enough.
find_go() {
  local candidate version seen=()
  for candidate in "${SLUICE_GO:-}" "$(command -v go || true)" /usr/local/go/bin/go "$HOME"/go/bin/go "$HOME"/sdk/go*/bin/go; do
    [[ -n $candidate && -x $candidate ]] || continue
    version=$(go_version "$candidate") || continue
    if printf '%s\n%s\n' "$go_needed" "$version" | sort -V -C; then
      printf '%s\n' "$candidate"
      return 0
    fi
    seen+=("$candidate is $version")
  done
  die "no Go of version $go_needed or newer found${seen[*]:+ (${seen[*]})}. Install one from https://go.dev/dl/" \
    "into /usr/local/go, or name its program in SLUICE_GO."
}

# go_build LABEL MODULE_DIR OUTPUT PACKAGE [LDFLAGS]: builds one program, statically, and reports
# how many packages have been compiled. Only on success does OUTPUT appear.
go_build() {
  local label=$1 module=$2 output=$3 package=$4 ldflags="-s -w ${5:-}"
  local go log total pid done_packages last=$SECONDS
  go=$(find_go) || return 1
  log=$output.log
  mkdir -p "$(dirname "$output")"
  say "$label: fetching modules"
  (cd "$module" && GOFLAGS='' GOTOOLCHAIN=local "$go" mod download) >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "$label: the modules of $module/go.mod could not be fetched; is a Go module proxy reachable" \
      "(GOPROXY=$("$go" env GOPROXY))?"
  }
  total=$(cd "$module" && GOFLAGS='' GOTOOLCHAIN=local CGO_ENABLED=0 "$go" list -deps "$package" | wc -l)
  say "$label: compiling up to $total packages"
  (
    cd "$module" || exit
    export CGO_ENABLED=0 GOFLAGS='' GOTOOLCHAIN=local
    exec nice -n 5 "$go" build -v -p "$(nproc)" -trimpath -buildvcs=false -ldflags "$ldflags" -o "$output.new" "$package"
  ) >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    if ((SECONDS - last >= 15)); then
      last=$SECONDS
      done_packages=$(wc -l <"$log")
      say "$label: $done_packages of at most $total packages"
    fi
  done
  wait "$pid" || {
    tail -n 20 "$log" >&2
    die "$label: the build failed; the whole log is $log"
  }
  mv "$output.new" "$output"
  rm -f "$log"
  say "$label: built ($(($(stat -c %s "$output") / 1048576)) MB)"
}
