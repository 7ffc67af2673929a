# shellcheck shell=bash
# The cache of downloads and builds. Everything in it is keyed by version and content, so that
# checkouts of different versions share one cache and nothing in it ever goes stale. Needs progress.sh.

# cache_dir: its path; SLUICE_CACHE chooses another.
cache_dir() { printf '%s\n' "${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice}"; }

# content_key FILE...: twelve hex digits that change when any of the files does.
content_key() { cat -- "$@" | sha256sum | cut -c1-12; }

# with_cache_lock COMMAND...: one run at a time fills the cache; the others wait for it.
with_cache_lock() {
  local lock
  lock=$(cache_dir)/lock
  mkdir -p "$(cache_dir)"
  (
    if ! flock -n 8; then
      say "another run is filling $(cache_dir); waiting for it"
      flock 8
    fi
    "$@" 8>&-
  ) 8>"$lock"
}
