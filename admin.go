package ozone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// startAdmin listens on the socket in the data directory. Who may open it is the operator.
func (n *Node) startAdmin(ctx context.Context) error {
	path, err := socketPath(n.dir.path)
	if err != nil {
		return err
	}
	// What a killed node left behind; the lock says that no other node lives.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("listen on %s: %w", socketFile, err)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", socketFile, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("listen on %s: %w", socketFile, err), ln.Close())
	}
	server := &http.Server{Handler: n.adminRoutes(), ReadHeaderTimeout: time.Second, ReadTimeout: time.Second}
	n.onStop(socketFile, server.Shutdown)
	go func() { // ends with Shutdown
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			n.fail(fmt.Errorf("serve %s: %w", socketFile, err))
		}
	}()
	return nil
}

// maxSocketPath is the longest path of a unix socket, in bytes. Source: unix(7), sun_path without its NUL.
const maxSocketPath = 107

// socketPath is the shortest way to write the socket's path.
func socketPath(dir string) (string, error) {
	path := filepath.Join(dir, socketFile)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	here, err := os.Getwd()
	if err == nil {
		var relative string
		if relative, err = filepath.Rel(here, path); err == nil && len(relative) <= maxSocketPath {
			return relative, nil
		}
	}
	return "", fmt.Errorf("the path %s has %d bytes, a unix socket may have %d: give a shorter --data, or start from a directory near it",
		path, len(path), maxSocketPath)
}

// adminRoutes are what probes ask, profiles and, with a store, an Operator over HTTP; see adminClient.
func (n *Node) adminRoutes() http.Handler {
	mux := n.healthRoutes()
	serve := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
			answer, err := do(r)
			n.writeAdmin(w, answer, err)
		})
	}
	// Profiles for who looks into a running node: curl --unix-socket DIR/admin.sock http://node/debug/pprof/heap
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	if n.store == nil {
		serve("/", func(*http.Request) (any, error) { return nil, errNoStore })
		return mux
	}
	serve("POST /accounts", func(r *http.Request) (any, error) {
		var a NewAccount
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			return nil, schemas.Errorf(schemas.KindInvalid, "read request: %v", err)
		}
		return createAccount(r.Context(), n.store, a)
	})
	serve("GET /accounts", func(r *http.Request) (any, error) { return n.store.Accounts(r.Context()) })
	serve("PUT /accounts/{account}/limits", func(r *http.Request) (any, error) {
		id, err := strconv.ParseInt(r.PathValue("account"), 10, 64)
		if err != nil {
			return nil, schemas.Errorf(schemas.KindInvalid, "account %q: want a number", r.PathValue("account"))
		}
		var limits schemas.RateLimits
		if err := json.NewDecoder(r.Body).Decode(&limits); err != nil {
			return nil, schemas.Errorf(schemas.KindInvalid, "read request: %v", err)
		}
		return struct{}{}, setRateLimits(r.Context(), n.store, schemas.AccountID(id), limits)
	})
	serve("POST /users/{user}/key", func(r *http.Request) (any, error) {
		return rotateKey(r.Context(), n.store, r.PathValue("user"))
	})
	serve("GET /hosts", func(r *http.Request) (any, error) { return n.store.Hosts(r.Context()) })
	serve("GET /flavors/{flavor}/hosts", func(r *http.Request) (any, error) {
		id, err := strconv.ParseInt(r.PathValue("flavor"), 10, 64)
		if err != nil {
			return nil, schemas.Errorf(schemas.KindInvalid, "flavor %q: want a number", r.PathValue("flavor"))
		}
		return explain(r.Context(), n.store, schemas.FlavorID(id))
	})
	serve("POST /hosts/{host}/fence", func(r *http.Request) (any, error) {
		id, err := strconv.ParseInt(r.PathValue("host"), 10, 64)
		if err != nil {
			return nil, schemas.Errorf(schemas.KindInvalid, "host %q: want a number", r.PathValue("host"))
		}
		return struct{}{}, fence(r.Context(), n.store, n.bus, schemas.HostID(id))
	})
	return mux
}

// errNoStore is the answer of a process that knows its hosts only.
var errNoStore = schemas.Errorf(schemas.KindUnavailable, "the process on this data directory has the role host alone and no store: "+
	"give the directory of one with another role, or the cloud's --store")

// writeAdmin writes an answer, or an error as the operator may read it: everything.
func (n *Node) writeAdmin(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		known, ok := errors.AsType[*schemas.Error](err)
		if !ok {
			known = schemas.Errorf(schemas.KindInternal, "%v", err)
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		answer = known
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		n.cfg.Log.Warn("operator not answered", "error", err)
	}
}

// adminClient is an Operator that asks the node which holds the data directory.
type adminClient struct{ http *http.Client }

// dialAdmin reaches the socket, or says why not.
func dialAdmin(ctx context.Context, dir string) (*adminClient, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }
	probe, err := dial(ctx)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("reach the node: %w: run this as the user that runs the node", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reach the node: %w", err)
	}
	return &adminClient{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}, probe.Close()
}
