# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# Gateway API: its CRDs, Contour as the controller and Envoy as the data plane, both on the host.
# Needs the other libraries.

# Contour has Envoy listen this much above the port that a Gateway's listener names.
readonly listener_offset=8000

gateway_address() { printf '%s:%s\n' "$host_address" "$(port gateway)"; }

define_gateway() {
  local contour envoy xds health
  # Read by render through its name.
  # shellcheck disable=SC2034
  local listener_port=$(($(port gateway) - listener_offset))
  contour=$(program contour)
  envoy=$(program envoy)
  xds=$(port contour-xds)
  health=$(port contour-health)
  mkdir -p "$state/envoy"
  render contour.yaml "$config/contour.yaml" gateway_namespace gateway_name
  render gateway.yaml "$config/gateway.yaml" gateway_namespace gateway_name listener_port
  "$contour" bootstrap "$config/envoy.json" --xds-address=127.0.0.1 --xds-port="$xds" \
    --admin-address="$state/envoy/admin.sock" >"$state/envoy/bootstrap.log" 2>&1 ||
    die "contour could not write Envoy's configuration: $(tail -n 3 "$state/envoy/bootstrap.log")"

  # The kinds left out are those whose version Contour wants is not in the standard channel.
  define_part contour "curl -fs --max-time 2 http://127.0.0.1:$health/healthz" "$contour" serve \
    --kubeconfig="$config/contour.kubeconfig" --config-path="$config/contour.yaml" \
    --insecure --xds-address=127.0.0.1 --xds-port="$xds" \
    --health-address=127.0.0.1 --health-port="$health" \
    --http-address=127.0.0.1 --http-port="$(port contour-metrics)" \
    --debug-http-address=127.0.0.1 --debug-http-port="$(port contour-debug)" \
    --stats-address=127.0.0.1 --stats-port="$(port envoy-stats)" \
    --disable-leader-election --ingress-status-address="$host_address" \
    --disable-feature=tlsroutes --disable-feature=tcproutes --disable-feature=backendtlspolicies
  define_part envoy "curl -fs --max-time 2 --unix-socket $state/envoy/admin.sock http://envoy/ready" \
    "$envoy" --config-path "$config/envoy.json" --service-cluster sluice --service-node "$node_name" \
    --concurrency 2 --disable-hot-restart --log-level warning
}

# install_crds: the kinds must be served before Contour starts.
install_crds() {
  cluster_kubectl apply --server-side -f "$(crd_folder)" >"$state/crds.log" 2>&1 ||
    die "the CRDs in $(crd_folder) could not be applied: $(tail -n 3 "$state/crds.log")"
  cluster_kubectl wait --for=condition=Established crd --all --timeout=120s >>"$state/crds.log" 2>&1 ||
    die "a CRD was not established within 120 s: $(tail -n 3 "$state/crds.log")"
}

start_gateway() {
  cluster_kubectl apply --server-side -f "$config/gateway.yaml" >/dev/null ||
    die "the Gateway in $config/gateway.yaml could not be applied (see above)"
  # Contour reports on its Gateway only; nobody else would say that the class is taken care of.
  cluster_kubectl patch gatewayclass sluice --subresource=status --type=merge -p '{"status": {"conditions": [{
    "type": "Accepted", "status": "True", "reason": "Accepted", "message": "Contour serves this class",
    "observedGeneration": 1, "lastTransitionTime": "'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"}]}}' >/dev/null
  start_part contour
  start_part envoy
}

wait_gateway() {
  wait_part contour
  wait_part envoy
  cluster_kubectl wait --for=condition=Programmed -n "$gateway_namespace" "gateway/$gateway_name" --timeout=120s >/dev/null 2>&1 ||
    part_failed contour "did not program Gateway $gateway_namespace/$gateway_name within 120 s"
}
