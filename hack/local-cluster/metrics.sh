# shellcheck shell=bash disable=SC2154  # variables of the cluster come from settings.sh
# Prometheus, on the host, scraping pods by annotation. Needs the other libraries.

prometheus_url() { printf 'http://%s:%s\n' "$host_address" "$(port prometheus)"; }

define_metrics() {
  local prometheus
  # Read by render through its name.
  # shellcheck disable=SC2034
  local prometheus_port
  prometheus_port=$(port prometheus)
  prometheus=$(system_program prometheus)
  mkdir -p "$state/prometheus/targets"
  [[ $scrape_interval =~ ^[0-9]+(ms|s|m)$ ]] || die "SLUICE_SCRAPE_INTERVAL must be like 1s or 500ms, not '$scrape_interval'"
  render prometheus.yaml "$config/prometheus.yaml" scrape_interval state
  render prometheus-service.yaml "$config/prometheus-service.yaml" host_address prometheus_port
  define_part pod-targets "curl -fs --max-time 2 http://127.0.0.1:$(port pod-targets)/" "$(program pod-targets)" \
    --kubeconfig="$config/prometheus.kubeconfig" --file="$state/prometheus/pods.json" \
    --health-address="127.0.0.1:$(port pod-targets)"
  define_part prometheus "curl -fs --max-time 2 $(prometheus_url)/-/ready" "$prometheus" \
    --config.file="$config/prometheus.yaml" --web.listen-address="$host_address:$prometheus_port" \
    --web.enable-lifecycle --storage.tsdb.path="$state/prometheus/data" --storage.tsdb.retention.time=12h \
    --scrape.discovery-reload-interval=1s --log.level=warn
}

start_metrics() {
  cluster_kubectl apply --server-side -f "$config/prometheus-service.yaml" >/dev/null ||
    die "the Service for Prometheus could not be applied (see above)"
  start_part pod-targets
  start_part prometheus
}
