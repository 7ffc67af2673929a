# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# etcd, API server, controller manager and, with a node, the scheduler. Needs the other libraries.

# define_control_plane PROFILE: writes the configuration and the command lines.
define_control_plane() {
  local profile=$1 etcd peer api url
  etcd=$(port etcd)
  peer=$(port etcd-peer)
  api=$(port apiserver)
  url=https://$host_address:$api
  cp "$here/local-cluster/templates/audit-policy.yaml" "$config/audit-policy.yaml"
  mkdir -p "$state/audit"

  # The data is thrown away with the cluster, so it need not survive a power cut.
  define_part etcd "curl -fs --max-time 2 http://127.0.0.1:$etcd/health" "$(program etcd)" \
    --name=sluice --data-dir="$state/etcd" --unsafe-no-fsync --log-level=warn --quota-backend-bytes=4294967296 \
    --listen-client-urls="http://127.0.0.1:$etcd" --advertise-client-urls="http://127.0.0.1:$etcd" \
    --listen-peer-urls="http://127.0.0.1:$peer" --initial-advertise-peer-urls="http://127.0.0.1:$peer" \
    --initial-cluster="sluice=http://127.0.0.1:$peer"

  # shellcheck disable=SC2054  # the comma is the flag's
  local flags=(
    --etcd-servers="http://127.0.0.1:$etcd"
    --bind-address="$host_address" --secure-port="$api" --advertise-address="$host_address"
    --service-cluster-ip-range="$service_subnet"
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt"
    --authorization-mode=Node,RBAC --allow-privileged --profiling=false
    --service-account-issuer=https://kubernetes.default.svc.cluster.local
    --service-account-key-file="$pki/service-account.pub"
    --service-account-signing-key-file="$pki/service-account.key"
    --audit-policy-file="$config/audit-policy.yaml" --audit-log-path="$state/audit/audit.log"
    --audit-log-maxsize=2000 --audit-log-maxbackup=1
  )
  if [[ $profile == full ]]; then
    flags+=(
      --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt"
      --kubelet-client-key="$pki/apiserver-kubelet-client.key"
      --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP
    )
  else
    # The default/kubernetes Service cannot point to a loopback address; nobody here could follow it.
    flags+=(--endpoint-reconciler-type=none)
  fi
  define_part apiserver "curl -fs --max-time 2 --cacert $pki/ca.crt $url/readyz" "$(program kube-apiserver)" "${flags[@]}"

  define_part controller-manager \
    "curl -fsk --max-time 2 https://127.0.0.1:$(port controller-manager)/healthz" \
    "$(program kube-controller-manager)" --kubeconfig="$config/controller-manager.kubeconfig" \
    --bind-address=127.0.0.1 --secure-port="$(port controller-manager)" --leader-elect=false \
    --use-service-account-credentials --root-ca-file="$pki/ca.crt" \
    --service-account-private-key-file="$pki/service-account.key" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --service-cluster-ip-range="$service_subnet" --profiling=false

  if [[ $profile == full ]]; then
    define_part scheduler \
      "curl -fsk --max-time 2 https://127.0.0.1:$(port scheduler)/healthz" \
      "$(program kube-scheduler)" --kubeconfig="$config/scheduler.kubeconfig" \
      --bind-address=127.0.0.1 --secure-port="$(port scheduler)" --leader-elect=false --profiling=false
  fi
}

# start_api: etcd and the API server, and waits for them.
start_api() {
  start_part etcd
  wait_part etcd
  start_part apiserver
  wait_part apiserver
}

# cluster_kubectl ARGUMENT...: kubectl as the cluster's own set-up, which the audit log leaves out.
cluster_kubectl() {
  local file=$config/setup.kubeconfig
  [[ -f $file ]] || file=$kubeconfig
  KUBECONFIG=$file "$(program kubectl)" "$@"
}

# wait_default_account: pods (and tests that make some) need it; the controller manager creates it.
wait_default_account() {
  wait_for 120 cluster_kubectl get serviceaccount default -n default ||
    part_failed controller-manager "did not create the service account 'default' within 120 s"
}
