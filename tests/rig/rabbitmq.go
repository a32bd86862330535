package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The programs of a RabbitMQ, past the wrappers that change the user.
const (
	rabbitServer  = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	rabbitControl = "/usr/lib/rabbitmq/bin/rabbitmqctl"
)

// stopTime bounds a clean stop; after it the broker is killed.
const stopTime = 30 * time.Second

// RabbitMQ is a private broker. Its data outlive Kill9 and Stop, not the test.
type RabbitMQ struct {
	t        testing.TB
	dir      string
	env      []string
	password string
	port     int // of AMQP
	admin    int // port of the management API

	names  *process // epmd
	broker *process // nil: not running
}

// StartRabbitMQ starts a broker and stops it at the end of the test. Without an installed RabbitMQ the test fails.
func StartRabbitMQ(t testing.TB) *RabbitMQ {
	t.Helper()
	if _, err := os.Stat(rabbitServer); err != nil {
		t.Fatalf("RabbitMQ is not installed: run tests/rig/install.sh (%v)", err)
	}
	r := &RabbitMQ{t: t, dir: t.TempDir(), password: rand.Text(), port: freePort(t), admin: freePort(t)}
	names := freePort(t)
	r.env = r.environment(names)
	r.configure()
	t.Cleanup(r.end)
	var err error
	r.names, err = start(r.command("epmd", "-address", "127.0.0.1", "-port", strconv.Itoa(names)))
	if err != nil {
		t.Fatalf("start epmd: %v", err)
	}
	r.Start()
	return r
}

// URL is where AMQP clients reach the first virtual host.
func (r *RabbitMQ) URL() string { return r.URLOf("/") }

// URLOf is where AMQP clients reach a virtual host.
func (r *RabbitMQ) URLOf(vhost string) string {
	return fmt.Sprintf("amqp://ozone:%s@127.0.0.1:%d/%s", r.password, r.port, url.PathEscape(vhost))
}

// AdminURL is where the management API is reached.
func (r *RabbitMQ) AdminURL() string {
	return fmt.Sprintf("http://ozone:%s@127.0.0.1:%d", r.password, r.admin)
}

// Start starts the broker on its old data and returns when it takes connections.
func (r *RabbitMQ) Start() {
	r.t.Helper()
	log, err := os.OpenFile(r.path("out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatalf("start RabbitMQ: %v", err)
	}
	defer func() { _ = log.Close() }()
	cmd := r.command(rabbitServer)
	cmd.Stdout, cmd.Stderr = log, log
	if r.broker, err = start(cmd); err != nil {
		r.t.Fatalf("start RabbitMQ: %v", err)
	}
	for _, port := range []int{r.admin, r.port} {
		if err := r.broker.listens("127.0.0.1:" + strconv.Itoa(port)); err != nil {
			r.t.Fatalf("start RabbitMQ: %v\n%s\n%s", err, tail(r.path("out")), tail(r.path("log")))
		}
	}
}

// Stop ends the broker in its clean way.
func (r *RabbitMQ) Stop() {
	if r.broker == nil {
		return
	}
	r.broker.signal(syscall.SIGTERM)
	patience := time.NewTimer(stopTime)
	defer patience.Stop()
	select {
	case <-r.broker.ended:
	case <-patience.C:
	}
	r.Kill9()
}

// Kill9 ends the broker without a warning.
func (r *RabbitMQ) Kill9() {
	if r.broker != nil {
		r.broker.kill()
		r.broker = nil
	}
}

// Pause stops the broker's process in its tracks, as a machine that hangs does. Resume lets it go on.
func (r *RabbitMQ) Pause() { r.broker.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (r *RabbitMQ) Resume() { r.broker.signal(syscall.SIGCONT) }

// Vhost makes a virtual host, empty and of this test alone, and gives its URL.
func (r *RabbitMQ) Vhost(name string) string {
	r.t.Helper()
	r.Admin(http.MethodPut, "/api/vhosts/"+url.PathEscape(name), nil)
	all := map[string]string{"configure": ".*", "write": ".*", "read": ".*"}
	r.Admin(http.MethodPut, "/api/permissions/"+url.PathEscape(name)+"/ozone", all)
	return r.URLOf(name)
}

// Admin calls the management API.
func (r *RabbitMQ) Admin(method, path string, body any) {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readiness)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, r.AdminURL()+path, bytes.NewReader(text))
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		r.t.Fatalf("%s %s = %s, want success", method, path, answer.Status)
	}
}

// Block raises the broker's memory alarm: it stops to take messages until Unblock.
func (r *RabbitMQ) Block() { r.t.Helper(); r.control("set_vm_memory_high_watermark", "0.000001") }

// Unblock ends the alarm that Block raised.
func (r *RabbitMQ) Unblock() { r.t.Helper(); r.control("set_vm_memory_high_watermark", "0.4") }

func (r *RabbitMQ) control(args ...string) {
	r.t.Helper()
	if out, err := r.command(rabbitControl, args...).CombinedOutput(); err != nil {
		r.t.Fatalf("rabbitmqctl %v: %v\n%s", args, err, out)
	}
}

func (r *RabbitMQ) end() {
	if r.t.Failed() {
		r.t.Logf("RabbitMQ's log ends with:\n%s", tail(r.path("log")))
	}
	r.Kill9()
	if r.names != nil {
		r.names.kill()
	}
}

func (r *RabbitMQ) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir = r.env, r.dir
	return cmd
}

func (r *RabbitMQ) path(name string) string { return filepath.Join(r.dir, name) }

// environment keeps the broker away from everything that another one on this machine may use.
func (r *RabbitMQ) environment(names int) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"HOME=" + r.dir, // where Erlang looks for the cookie
		"NOTIFY_SOCKET=" + r.path("nobody"), // the script then becomes the broker instead of its parent
		"ERL_EPMD_PORT=" + strconv.Itoa(names), "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_CRASH_DUMP_BYTES=0",
		"RABBITMQ_NODENAME=rig" + strconv.Itoa(r.port) + "@localhost",
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(freePort(r.t)),
		"RABBITMQ_CONF_ENV_FILE=" + r.path("none"),
		"RABBITMQ_CONFIG_FILE=" + r.path("rabbitmq.conf"),
		"RABBITMQ_CONFIG_FILES=" + r.path("none.d"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + r.path("none.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + r.path("plugins"),
		"RABBITMQ_PLUGINS_EXPAND_DIR=" + r.path("expand"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + r.path("generated"),
		"RABBITMQ_SCHEMA_DIR=" + r.path("schema"),
		"RABBITMQ_MNESIA_BASE=" + r.path("data"), "RABBITMQ_MNESIA_DIR=" + r.path("data/node"),
		"RABBITMQ_QUORUM_DIR=" + r.path("data/quorum"),
		"RABBITMQ_FEATURE_FLAGS_FILE=" + r.path("data/feature_flags"),
		"RABBITMQ_LOG_BASE=" + r.dir, "RABBITMQ_LOGS=" + r.path("log"),
		"RABBITMQ_PID_FILE=" + r.path("pid"),
		// Schedulers that spin take the processor from the tests.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
		"RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	}
}

func (r *RabbitMQ) configure() {
	r.t.Helper()
	settings := fmt.Sprintf(`listeners.tcp.1 = 127.0.0.1:%d
management.tcp.ip = 127.0.0.1
management.tcp.port = %d
management.disable_stats = true
management_agent.disable_metrics_collector = true
default_user = ozone
default_pass = %s
disk_free_limit.absolute = 1MB
raft.wal_max_size_bytes = 67108864
log.file.level = warning
`, r.port, r.admin, r.password)
	for name, text := range map[string]string{
		"rabbitmq.conf":  settings,
		"plugins":        "[rabbitmq_management].\n",
		".erlang.cookie": rand.Text(),
	} {
		if err := os.WriteFile(r.path(name), []byte(text), 0o400); err != nil {
			r.t.Fatalf("configure RabbitMQ: %v", err)
		}
	}
}
