package ozone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// startHealth listens in the place of an edge: for probes, with nothing of the API.
func (n *Node) startHealth(ctx context.Context) error {
	ln, err := n.listen(ctx)
	if err != nil {
		return err
	}
	n.listener = ln
	server := &http.Server{Handler: n.healthRoutes(), ReadHeaderTimeout: time.Second, ReadTimeout: time.Second}
	n.onStop("probes", server.Shutdown)
	go func() { // ends with Shutdown
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			n.fail(fmt.Errorf("serve %s: %w", n.cfg.Listen, err))
		}
	}()
	return nil
}

// healthRoutes are what probes ask of any process, answered as an edge does.
func (n *Node) healthRoutes() *http.ServeMux {
	metrics := n.metrics()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := n.ready(); err != nil {
			http.Error(w, fmt.Sprintf("not ready: %v", err), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := metrics(w); err != nil {
			n.cfg.Log.Warn("metrics not written", "error", err)
		}
	})
	return mux
}
