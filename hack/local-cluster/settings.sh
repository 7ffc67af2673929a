# shellcheck shell=bash disable=SC2034,SC2154  # read by the other files; $here comes from hack/cluster
# Names, addresses and ports of a local cluster. Needs progress.sh and parts.sh.

# Versions that are not pinned by a go.mod beside this file.
readonly envoy_version=1.40.0

# Names of our own on the host. Only one full cluster can run at a time: they, and kube-proxy's
# nftables, are the host's.
readonly bridge=sluice0
readonly node_name=sluice-node
readonly network_name=sluice
readonly gateway_namespace=sluice-gateway
readonly gateway_name=sluice-gateway
readonly pause_image=sluice.local/pause:1

# Where clusters keep their state: one folder each.
state_root=${SLUICE_STATE:-/var/lib/sluice-cluster}

# The network of nodes and pods (a /24), and that of Services (a /24).
subnet=${SLUICE_SUBNET:-10.213.88.0/24}
service_subnet=${SLUICE_SERVICE_SUBNET:-10.213.89.0/24}
scrape_interval=${SLUICE_SCRAPE_INTERVAL:-1s}

# network_prefix CIDR: the first three numbers of a /24.
network_prefix() {
  [[ $1 =~ ^([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.0/24$ ]] ||
    die "'$1' is not a /24 network such as 10.213.88.0/24 (SLUICE_SUBNET, SLUICE_SERVICE_SUBNET)"
  printf '%s\n' "${BASH_REMATCH[1]}"
}

# select_cluster NAME: everything that follows from the name. Sets the variables other files read.
select_cluster() {
  cluster=$1
  [[ $cluster =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] ||
    die "'$cluster' is no cluster name: use up to 20 lower-case letters, digits and hyphens"
  [[ $state_root == /?* ]] || die "SLUICE_STATE must be an absolute path, not '$state_root'"
  # Sockets live below; the kernel allows 107 bytes for the path of one.
  ((${#state_root} <= 50)) ||
    die "SLUICE_STATE is ${#state_root} characters long ('$state_root'); sockets need it to be at most 50"
  state=$state_root/$cluster
  kubeconfig=$state/kubeconfig
  pki=$state/pki
  config=$state/config
}

# profile: what the cluster in $state was started as; empty if there is none.
profile() { cat "$state/profile" 2>/dev/null || true; }

# resolve_addresses: the host address that the cluster's programs listen on.
resolve_addresses() {
  case $(profile) in
    full)
      host_address=$(network_prefix "$subnet").1
      api_service_address=$(network_prefix "$service_subnet").1
      ;;
    *)
      host_address=127.0.0.1
      api_service_address=$(network_prefix "$service_subnet").1
      ;;
  esac
}

# choose_ports: fixes the TCP port of each use for the life of the cluster: the first at or above the
# preferred one that nobody listens on and no cluster has.
choose_ports() {
  local taken name wanted
  taken=$(ss -Hltn | awk '{sub(/.*:/, "", $4); print $4}')
  taken+=$'\n'$(cat "$state_root"/*/ports 2>/dev/null | cut -d' ' -f2 || true)
  while read -r name wanted; do
    while grep -qxF "$wanted" <<<"$taken"; do wanted=$((wanted + 1)); done
    taken+=$'\n'$wanted
    printf '%s %s\n' "$name" "$wanted"
  done >"$state/ports" <<'END'
apiserver 6443
etcd 23790
etcd-peer 23800
controller-manager 20257
scheduler 20259
kubelet 10250
kubelet-health 20248
proxy-health 20256
proxy-metrics 20249
dns-health 20080
dns-ready 20181
gateway 18080
contour-xds 20001
contour-health 20002
contour-metrics 20003
contour-debug 20004
envoy-stats 20005
prometheus 9090
pod-targets 20090
END
}

# port NAME: the TCP port of that use.
port() {
  local number
  number=$(sed -n "s/^$1 //p" "$state/ports" 2>/dev/null || true)
  [[ -n $number ]] || die "cluster '$cluster' has no port '$1' in $state/ports"
  printf '%s\n' "$number"
}

# render TEMPLATE OUTPUT VARIABLE...: writes the template with each @VARIABLE@ replaced by its value.
render() {
  local template=$1 output=$2 text variable
  shift 2
  text=$(<"$here/local-cluster/templates/$template")
  for variable; do
    [[ -n ${!variable:-} ]] || die "template $template needs \$$variable, which is empty"
    text=${text//"@$variable@"/"${!variable}"}
  done
  [[ ! $text =~ @[a-z_]+@ ]] || die "template $template: nobody gave ${BASH_REMATCH[0]}"
  printf '%s\n' "$text" >"$output"
}
