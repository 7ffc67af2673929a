module sluice.dev/hack/local-cluster/gateway-api

go 1.26.0

// Only the manifests in this module are used (config/crd/standard), so nothing imports it.
require sigs.k8s.io/gateway-api v1.6.3
