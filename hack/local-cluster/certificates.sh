# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# The certificates and kubeconfigs of a cluster: one authority (ECDSA), made afresh at each start.
# Needs progress.sh, settings.sh.

readonly certificate_days=365

# new_key FILE
new_key() { (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$1"); }

make_authority() {
  new_key "$pki/ca.key"
  openssl req -x509 -new -key "$pki/ca.key" -days "$certificate_days" -subj "/CN=sluice-cluster-$cluster" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,digitalSignature \
    -out "$pki/ca.crt"
}

# make_certificate FILE SUBJECT USAGE [ALT_NAMES]: FILE.key and FILE.crt in $pki. USAGE is clientAuth,
# serverAuth or both with a comma.
make_certificate() {
  local file=$pki/$1 subject=$2 usage=$3 names=${4:-}
  new_key "$file.key"
  openssl req -new -key "$file.key" -subj "$subject" -out "$file.csr"
  openssl x509 -req -in "$file.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial \
    -days "$certificate_days" -out "$file.crt" 2>/dev/null -extfile <(
      printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$usage"
      [[ -z $names ]] || printf 'subjectAltName=%s\n' "$names"
    )
  rm -f "$file.csr"
}

# make_kubeconfig FILE CERTIFICATE: a kubeconfig with everything inline, for one of the certificates.
make_kubeconfig() {
  local output=$1 name=$2 ca crt key server
  ca=$(base64 -w0 <"$pki/ca.crt")
  crt=$(base64 -w0 <"$pki/$name.crt")
  key=$(base64 -w0 <"$pki/$name.key")
  server=https://$host_address:$(port apiserver)
  local context=sluice-$cluster
  (umask 077 && cat >"$output") <<END
apiVersion: v1
kind: Config
current-context: $context
clusters:
- name: $context
  cluster: {server: "$server", certificate-authority-data: $ca}
contexts:
- name: $context
  context: {cluster: $context, user: $context, namespace: default}
users:
- name: $context
  user: {client-certificate-data: $crt, client-key-data: $key}
END
}

# client NAME USER GROUP: a certificate and its kubeconfig ($config/NAME.kubeconfig).
client() {
  make_certificate "$1" "/O=$3/CN=$2" clientAuth
  make_kubeconfig "$config/$1.kubeconfig" "$1"
}

# make_control_plane_certificates: authority, API server, service accounts, and the clients that a
# control plane has. Clients of a node are added by make_node_certificates.
make_control_plane_certificates() {
  mkdir -p "$pki" "$config"
  chmod 700 "$pki"
  make_authority
  local names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  names+=,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$api_service_address
  [[ $host_address == 127.0.0.1 ]] || names+=,IP:$host_address
  make_certificate apiserver /CN=kube-apiserver serverAuth "$names"
  new_key "$pki/service-account.key"
  openssl ec -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub" 2>/dev/null
  client admin kubernetes-admin system:masters
  client controller-manager system:kube-controller-manager sluice-cluster
  cp "$config/admin.kubeconfig" "$kubeconfig"
}

# make_node_certificates: what else a cluster with a node has. The helpers are members of
# system:masters under names of their own, which the audit policy leaves out.
make_node_certificates() {
  make_certificate apiserver-kubelet-client /O=system:masters/CN=sluice-cluster:apiserver clientAuth
  make_certificate kubelet-server "/O=system:nodes/CN=system:node:$node_name" serverAuth "DNS:$node_name,IP:$host_address"
  client scheduler system:kube-scheduler sluice-cluster
  client kubelet "system:node:$node_name" system:nodes
  client proxy system:kube-proxy sluice-cluster
  client dns sluice-cluster:dns system:masters
  client contour sluice-cluster:contour system:masters
  client prometheus sluice-cluster:prometheus system:masters
  client setup sluice-cluster:setup system:masters
}
