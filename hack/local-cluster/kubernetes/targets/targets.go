// Package targets tells Prometheus which pods to scrape. Debian's Prometheus is built without discovery
// of Kubernetes' pods, so this watches them and keeps a file for Prometheus' discovery by file. A pod
// asks to be scraped as it would of a Prometheus in a cluster, by the annotations prometheus.io/scrape
// ("true"), prometheus.io/port and prometheus.io/path (default /metrics).
package targets

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// group is an entry of a file that Prometheus' file_sd_configs reads.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// of gives the pod's entry, if it wants to be scraped and can be.
func of(pod *v1.Pod) (group, bool) {
	port := pod.Annotations["prometheus.io/port"]
	if pod.Annotations["prometheus.io/scrape"] != "true" || port == "" || pod.Status.PodIP == "" ||
		pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		return group{}, false
	}
	path := pod.Annotations["prometheus.io/path"]
	if path == "" {
		path = "/metrics"
	}
	return group{
		Targets: []string{net.JoinHostPort(pod.Status.PodIP, port)},
		Labels: map[string]string{
			"__metrics_path__":  path,
			"namespace":         pod.Namespace,
			"pod":               pod.Name,
			"pod_template_hash": pod.Labels["pod-template-hash"],
		},
	}, true
}

// write replaces the file at once: Prometheus never sees half of it.
func write(file string, pods []*v1.Pod) error {
	groups := []group{}
	for _, pod := range pods {
		if entry, ok := of(pod); ok {
			groups = append(groups, entry)
		}
	}
	sort.Slice(groups, func(i, j int) bool { return groups[i].Targets[0] < groups[j].Targets[0] })
	text, err := json.Marshal(groups)
	if err != nil {
		return err
	}
	// Prometheus' pattern takes only names that end in .json.
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func run() error {
	flags := flag.NewFlagSet("pod-targets", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	file := flags.String("file", "", "the file to keep, ending in .json")
	health := flags.String("health-address", "", "address:port that answers 200 once the file is written")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if *kubeconfig == "" || *file == "" || *health == "" {
		return errors.New("--kubeconfig, --file and --health-address are needed")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	changed := make(chan struct{}, 1)
	note := func() {
		select {
		case changed <- struct{}{}:
		default: // one is waiting to be seen already
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { note() },
		UpdateFunc: func(any, any) { note() },
		DeleteFunc: func(any) { note() },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.Informer().HasSynced) {
		return errors.New("stopped before the pods could be listed")
	}
	note() // an empty list is an answer too
	served := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		list, err := pods.Lister().List(labels.Everything())
		if err != nil {
			return err
		}
		if err := write(*file, list); err != nil {
			return err
		}
		if !served {
			served = true
			go func() {
				fmt.Fprintln(os.Stderr, http.ListenAndServe(*health, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusOK)
				})))
				stop()
			}()
		}
		time.Sleep(50 * time.Millisecond) // a rollout changes many pods at once
	}
}

// Main is the program.
func Main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "pod-targets: %v\n", err)
		os.Exit(1)
	}
}
