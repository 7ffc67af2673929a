# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# A cluster that is there already, used as it is: nothing is started in it and nothing installed.
# Needs the other libraries.

# any_kubectl: the user's, or the one built here.
any_kubectl() {
  local own
  own=$(program kubectl)
  if [[ -x $own ]]; then
    printf '%s\n' "$own"
  else
    command -v kubectl || die "there is no kubectl; install one, or build it: hack/cluster prepare --control-plane-only"
  fi
}

# adopt_context CONTEXT: notes how to reach the cluster of that context, and says what Sluice needs of it.
adopt_context() {
  local context=$1 kubectl version
  kubectl=$(any_kubectl)
  mkdir -p "$state"
  (umask 077 && "$kubectl" config view --context "$context" --minify --flatten --raw >"$kubeconfig.new") || {
    clear_cluster
    die "there is no usable context '$context' in ${KUBECONFIG:-~/.kube/config}; 'kubectl config get-contexts' lists them"
  }
  # kubectl keeps the file's own current context, which may be another one.
  KUBECONFIG=$kubeconfig.new "$kubectl" config use-context "$context" >/dev/null
  mv "$kubeconfig.new" "$kubeconfig"
  version=$(KUBECONFIG=$kubeconfig "$kubectl" version --output=json --request-timeout=10s 2>/dev/null |
    jq -r .serverVersion.gitVersion || true)
  [[ -n $version && $version != null ]] || {
    clear_cluster
    die "the cluster of context '$context' does not answer"
  }
  printf 'existing\n' >"$state/profile"
  : >"$state/complete"
  say "using Kubernetes $version of context '$context'; nothing was started or installed there"
  local resources
  resources=$(KUBECONFIG=$kubeconfig "$kubectl" api-resources --no-headers 2>/dev/null || true)
  grep -q 'admissionregistration.k8s.io/v1 .*MutatingAdmissionPolicy$' <<<"$resources" ||
    warn "it does not serve MutatingAdmissionPolicy v1 (Kubernetes 1.36 does)"
  grep -q 'gateway.networking.k8s.io/v1 .*HTTPRoute$' <<<"$resources" ||
    warn "it does not serve the Gateway API's HTTPRoute v1; routes need its CRDs and a controller"
}
