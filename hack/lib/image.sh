# shellcheck shell=bash
# Container images without a container engine: an image archive is a tar of one layer, its
# configuration and a manifest. Needs nothing but tar, sha256sum and jq.

# make_image_archive ROOT NAME OUTPUT [CONFIG_JSON]: packs the folder ROOT as the image NAME (with tag)
# into the archive OUTPUT. CONFIG_JSON is the image's "config" object: Entrypoint, User, Env, ....
# The same folder gives the same bytes, so the same image.
make_image_archive() {
  local root=$1 name=$2 output=$3 config=${4:-"{}"} work layer_digest config_digest architecture
  case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) architecture=$(uname -m) ;;
  esac
  work=$(mktemp -d)
  if tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$root" -cf "$work/layer.tar" . &&
    layer_digest=$(sha256sum <"$work/layer.tar" | cut -d' ' -f1) &&
    jq -cn --argjson config "$config" --arg layer "sha256:$layer_digest" --arg arch "$architecture" \
      '{architecture: $arch, os: "linux", created: "1970-01-01T00:00:00Z", config: $config,
        rootfs: {type: "layers", diff_ids: [$layer]},
        history: [{created: "1970-01-01T00:00:00Z", created_by: "sluice"}]}' >"$work/config.json" &&
    config_digest=$(sha256sum <"$work/config.json" | cut -d' ' -f1) &&
    mv "$work/config.json" "$work/$config_digest.json" &&
    jq -cn --arg config "$config_digest.json" --arg name "$name" \
      '[{Config: $config, RepoTags: [$name], Layers: ["layer.tar"]}]' >"$work/manifest.json" &&
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work" -cf "$output.new" . &&
    mv "$output.new" "$output"; then
    rm -rf "$work"
  else
    rm -rf "$work" "$output.new"
    return 1
  fi
}
