# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# Ends a cluster and removes everything it left on the host, however it ended: it makes no difference
# whether the programs still run. Needs the other libraries.

# container_ids: those that containerd has a running task for, or had when it was killed.
container_ids() {
  local folder
  for folder in "$state"/run/containerd/io.containerd.runtime.v2.task/*/*/; do
    [[ -d $folder ]] || continue
    basename "$folder"
  done
}

# end_containers: shims first (they would report), then what runs in the containers' cgroups.
end_containers() {
  local id file pid socket ids=()
  while read -r file; do
    pid=${file//[!0-9]/}
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == containerd-shim* ]]; then
      kill -KILL "$pid" 2>/dev/null || true
    fi
  done < <(grep -lsF -- "$state/run/containerd.sock" /proc/[0-9]*/cmdline || true)
  mapfile -t ids < <(container_ids)
  ((${#ids[@]})) || return 0
  while read -r file; do
    kill -KILL "${file//[!0-9]/}" 2>/dev/null || true
  done < <(grep -lsF -- "$(printf '%s\n' "${ids[@]}")" /proc/[0-9]*/cgroup || true)
  for id in "${ids[@]}"; do
    for file in "$state"/run/containerd/io.containerd.runtime.v2.task/*/"$id"/address; do
      [[ -f $file ]] || continue
      socket=$(<"$file")
      rm -f "${socket#unix://}"
    done
    # containerd's CNI library notes results outside our folder.
    rm -f "/var/lib/cni/results/"*"-$id-"*
    find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} + 2>/dev/null || true
  done
  rmdir --ignore-fail-on-non-empty /run/containerd/s /run/containerd /var/lib/cni/results /var/lib/cni 2>/dev/null || true
  find /sys/fs/cgroup -maxdepth 2 -type d -name k8s.io -exec rmdir {} + 2>/dev/null || true
}

# unmount_state: everything mounted below the state folder, the newest first.
unmount_state() {
  local mounts=() i
  mapfile -t mounts < <(awk -v prefix="$state/" 'index($5, prefix) == 1 {print $5}' /proc/self/mountinfo)
  for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
    # The kernel writes blanks as \040.
    umount -l "$(printf '%b' "${mounts[i]}")" 2>/dev/null || true
  done
}

remove_network() {
  [[ -f $state/owns-network ]] || return 0
  local link line nft
  if ip link show "$bridge" >/dev/null 2>&1; then
    while read -r link; do
      ip link delete "$link" 2>/dev/null || true
    done < <(ip -o link show master "$bridge" | sed -n 's/^[0-9]*: \([^@:]*\).*/\1/p')
    ip link delete "$bridge"
  fi
  nft=$(system_program nft)
  for line in 'ip kube-proxy' 'ip6 kube-proxy'; do
    # shellcheck disable=SC2086  # family and name are two words
    "$nft" delete table $line 2>/dev/null || true
  done
  if [[ -f $state/owns-iptables ]]; then
    PATH=$PATH:/usr/sbin iptables -D FORWARD -i "$bridge" -j ACCEPT -m comment --comment sluice 2>/dev/null || true
    PATH=$PATH:/usr/sbin iptables -D FORWARD -o "$bridge" -j ACCEPT -m comment --comment sluice 2>/dev/null || true
  fi
  # Connections through Services that are gone would stay translated.
  PATH=$PATH:/usr/sbin conntrack -D --orig-dst "$service_subnet" >/dev/null 2>&1 || true
  if [[ -f $state/kernel-settings ]]; then
    sysctl -qp "$state/kernel-settings" 2>/dev/null || true
  fi
}

# clear_cluster: ends and removes the cluster in $state.
clear_cluster() {
  [[ -d $state ]] || return 0
  local names=() i
  mapfile -t names < <(part_names)
  # The kubelet first, lest it restart what is being ended; then containerd, lest it remove the notes
  # by which what its shims leave is found.
  for i in kubelet containerd; do
    [[ ! -d $(part_dir "$i") ]] || stop_part "$i"
  done
  end_containers
  for ((i = ${#names[@]} - 1; i >= 0; i--)); do
    case ${names[i]} in
      # Nothing in these is worth an orderly end: the data is removed below.
      etcd | apiserver | contour | envoy | prometheus) stop_part "${names[i]}" KILL ;;
      *) stop_part "${names[i]}" ;;
    esac
  done
  end_containers
  unmount_state
  remove_network
  if [[ -d /var/log/containers ]]; then
    find /var/log/containers -type l -lname "$state/*" -delete
    if [[ -f $state/owns-log-links ]]; then
      rmdir --ignore-fail-on-non-empty /var/log/containers
    fi
  fi
  rm -rf --one-file-system "$state" ||
    die "$state cannot be removed; see what still holds it: grep $state /proc/*/mountinfo"
  rmdir --ignore-fail-on-non-empty "$state_root" 2>/dev/null || true
}
