# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# The node: bridge, containerd, kubelet, kube-proxy and DNS. Needs the other libraries.

# Kernel settings that the node's programs change; noted at start and put back at the end.
readonly kernel_settings=(
  net.ipv4.ip_forward vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes
)

# address_number A.B.C.D: as one number.
address_number() {
  local a b c d
  IFS=. read -r a b c d <<<"$1"
  printf '%d\n' $(((a << 24) + (b << 16) + (c << 8) + d))
}

# overlaps CIDR CIDR: whether two networks share an address.
overlaps() {
  local a=${1%/*} b=${2%/*} bits_a=32 bits_b=32 bits
  [[ $1 != */* ]] || bits_a=${1#*/}
  [[ $2 != */* ]] || bits_b=${2#*/}
  bits=$((bits_a < bits_b ? bits_a : bits_b))
  ((($(address_number "$a") ^ $(address_number "$b")) >> (32 - bits) == 0))
}

# check_network_is_free: refuses to start over a network, a bridge or rules that somebody else has.
check_network_is_free() {
  local line target network
  while read -r line; do
    read -r target _ <<<"${line#local }"
    [[ $target =~ ^[0-9.]+(/[0-9]+)?$ ]] || continue
    for network in "$subnet" "$service_subnet"; do
      ! overlaps "$target" "$network" ||
        die "the cluster's network $network is in use on this host ('ip route' has: $line)." \
          "Choose two free /24 networks in SLUICE_SUBNET and SLUICE_SERVICE_SUBNET."
    done
  done < <(ip -4 route show table all type unicast; ip -4 route show table local type local)
  ! overlaps "$subnet" "$service_subnet" ||
    die "SLUICE_SUBNET ($subnet) and SLUICE_SERVICE_SUBNET ($service_subnet) overlap; choose two different /24 networks"
  ! ip link show "$bridge" >/dev/null 2>&1 ||
    die "there is a network interface '$bridge' that is not ours; remove it ('ip link delete $bridge') or rename it"
  ! "$(system_program nft)" list table ip kube-proxy >/dev/null 2>&1 ||
    die "this host already has a kube-proxy (nftables table 'ip kube-proxy'); a second one would undo its rules." \
      "If nothing uses it any more: 'nft delete table ip kube-proxy'"
  local listener
  listener=$(ss -Hlnu 'sport = :53' | awk '$4 ~ /^(0\.0\.0\.0|\*|\[::\]):53$/ {print $4; exit}')
  [[ -z $listener ]] || die "something on this host answers DNS on every address ($listener)," \
    "so cluster DNS cannot bind to $host_address:53; restrict it to its own address"
}

note_kernel_settings() {
  local name
  for name in "${kernel_settings[@]}"; do
    printf '%s=%s\n' "$name" "$(sysctl -n "$name")"
  done >"$state/kernel-settings"
}

start_network() {
  note_kernel_settings
  # The kubelet makes this folder for links to the logs of containers.
  [[ -d /var/log/containers ]] || : >"$state/owns-log-links"
  : >"$state/owns-network" # from here on, bridge and nftables are ours to remove
  ip link add "$bridge" type bridge
  ip link set "$bridge" alias "sluice local cluster $cluster"
  ip address add "$host_address/24" dev "$bridge"
  ip link set "$bridge" up
  sysctl -qw net.ipv4.ip_forward=1
  # Docker and most firewalls drop what is forwarded unless it is allowed.
  if PATH=$PATH:/usr/sbin iptables -S FORWARD 2>/dev/null | grep -q '^-P FORWARD DROP'; then
    PATH=$PATH:/usr/sbin iptables -I FORWARD -i "$bridge" -j ACCEPT -m comment --comment sluice
    PATH=$PATH:/usr/sbin iptables -I FORWARD -o "$bridge" -j ACCEPT -m comment --comment sluice
    : >"$state/owns-iptables"
  fi
}

# usable_snapshotter: overlay mounts where the state is, or plain copies.
usable_snapshotter() {
  local work=$state/overlay-test result=native
  mkdir -p "$work"/{lower,upper,work,merged}
  if mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$work/merged" 2>/dev/null; then
    umount "$work/merged"
    result=overlayfs
  fi
  rm -rf "$work"
  printf '%s\n' "$result"
}

# define_node: writes the configuration and the command lines.
define_node() {
  mkdir -p "$state"/{cni/conf,cni/leases,run,kubelet,pod-logs,kubelet-plugins}
  # Read by render through their names.
  # shellcheck disable=SC2034
  local containerd_socket=$state/run/containerd.sock snapshotter first_pod_address
  # shellcheck disable=SC2034
  local kubelet_port kubelet_health_port proxy_health_port proxy_metrics_port dns_health_port dns_ready_port
  # shellcheck disable=SC2034
  {
    snapshotter=$(usable_snapshotter)
    first_pod_address=$(network_prefix "$subnet").10
    kubelet_port=$(port kubelet)
    kubelet_health_port=$(port kubelet-health)
    proxy_health_port=$(port proxy-health)
    proxy_metrics_port=$(port proxy-metrics)
    dns_health_port=$(port dns-health)
    dns_ready_port=$(port dns-ready)
  }

  render containerd.toml "$config/containerd.toml" state containerd_socket pause_image snapshotter
  render network.conflist "$state/cni/conf/10-sluice.conflist" network_name bridge state subnet first_pod_address host_address
  render kubelet.yaml "$config/kubelet.yaml" host_address kubelet_port kubelet_health_port pki containerd_socket state
  render kube-proxy.yaml "$config/kube-proxy.yaml" config node_name proxy_health_port proxy_metrics_port subnet
  render Corefile "$config/Corefile" host_address dns_health_port dns_ready_port config

  local ctr path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  ctr=$(system_program ctr)
  define_part containerd "$ctr --address $containerd_socket version" \
    env "PATH=$path" "$(system_program containerd)" --config "$config/containerd.toml"
  define_part kubelet "curl -fs --max-time 2 http://127.0.0.1:$kubelet_health_port/healthz" \
    env "PATH=$path" "$(program kubelet)" --config="$config/kubelet.yaml" --kubeconfig="$config/kubelet.kubeconfig" \
    --hostname-override="$node_name" --node-ip="$host_address" --root-dir="$state/kubelet" --cert-dir="$pki"
  define_part kube-proxy "curl -fs --max-time 2 http://127.0.0.1:$proxy_health_port/healthz" \
    env "PATH=$path" "$(program kube-proxy)" --config="$config/kube-proxy.yaml"
  define_part dns "curl -fs --max-time 2 http://127.0.0.1:$dns_ready_port/ready" \
    "$(program dns)" -conf "$config/Corefile"
}

# containerd_ctr ARGUMENT...: containerd's own tool, in the namespace of Kubernetes' images.
containerd_ctr() {
  "$(system_program ctr)" --address "$state/run/containerd.sock" --namespace k8s.io "$@"
}

# load_image ARCHIVE
load_image() {
  containerd_ctr images import "$1" >&2 || die "containerd did not accept the image archive $1 (see above)"
}

wait_node_ready() {
  local conditions='{range .items[*].status.conditions[*]}{.type}={.status} {.message}{"\n"}{end}'
  if ! wait_for 120 cluster_kubectl get "node/$node_name" ||
    ! cluster_kubectl wait --for=condition=Ready "node/$node_name" --timeout=120s >/dev/null 2>&1; then
    cluster_kubectl get nodes -o jsonpath="$conditions" >&2 || true
    part_failed kubelet "did not report node $node_name as Ready within 120 s"
  fi
}
