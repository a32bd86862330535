package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
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

// RabbitMQ is a private broker. Its data outlive Kill9 and Stop, not Close.
type RabbitMQ struct {
	dir      string
	env      []string
	password string
	port     int // of AMQP
	admin    int // of the management API
	names    *child
	broker   *child // nil: not running
}

// StartRabbitMQ starts a broker that ends with the test.
func StartRabbitMQ(tb testing.TB) *RabbitMQ {
	tb.Helper()
	r, err := NewRabbitMQ(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r
}

// NewRabbitMQ starts a broker that its caller closes.
func NewRabbitMQ(ctx context.Context) (*RabbitMQ, error) {
	if _, err := os.Stat(rabbitServer); err != nil {
		return nil, fmt.Errorf("no RabbitMQ here: %w rabbitmq-server", ErrMissing)
	}
	dir, err := os.MkdirTemp("", "ozone-rabbitmq-")
	if err != nil {
		return nil, err
	}
	r := &RabbitMQ{dir: dir, password: rand.Text()}
	if err := r.boot(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// boot takes ports, starts the name server that Erlang needs, and the broker.
func (r *RabbitMQ) boot(ctx context.Context) error {
	var ports [4]int
	for i := range ports {
		port, err := freePort()
		if err != nil {
			return err
		}
		ports[i] = port
	}
	names, dist := ports[2], ports[3]
	r.port, r.admin = ports[0], ports[1]
	r.env = r.environment(names, dist)
	if err := r.configure(); err != nil {
		return fmt.Errorf("configure RabbitMQ: %w", err)
	}
	var err error
	epmd := r.command(context.WithoutCancel(ctx), "epmd", "-address", "127.0.0.1", "-port", strconv.Itoa(names))
	if r.names, err = startChild(epmd, syscall.SIGKILL); err != nil {
		return err
	}
	return r.Start(ctx)
}

// Dir is where the broker keeps its queues and its log.
func (r *RabbitMQ) Dir() string { return r.dir }

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

// Start starts the broker again after Stop or Kill9, on the same port, and returns when it takes connections.
func (r *RabbitMQ) Start(ctx context.Context) error {
	log, err := os.OpenFile(r.path("out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the broker has its own descriptor
	cmd := r.command(context.WithoutCancel(ctx), rabbitServer)
	cmd.Stdout, cmd.Stderr = log, log
	if r.broker, err = startChild(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	if err = poll(ctx, r.broker, r.listens); err != nil {
		r.Kill9()
		return fmt.Errorf("start RabbitMQ: %w; its log ends in\n%s\n%s", err, tail(r.path("out")), tail(r.path("log")))
	}
	return nil
}

func (r *RabbitMQ) listens(ctx context.Context) error {
	for _, port := range []int{r.admin, r.port} {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return err
		}
		_ = c.Close() // it said what it had to say
	}
	return nil
}

// Stop ends the broker in order and returns when it has ended.
func (r *RabbitMQ) Stop() {
	if r.broker == nil {
		return
	}
	late := time.AfterFunc(stopTime, func() { r.signal(syscall.SIGKILL) })
	r.broker.signal(syscall.SIGTERM)
	late.Stop()
	r.broker = nil
}

// Kill9 kills the broker and returns when it is gone.
func (r *RabbitMQ) Kill9() {
	if r.broker == nil {
		return
	}
	r.signal(syscall.SIGKILL)
	<-r.broker.done
	r.broker = nil
}

// Close stops the broker and removes everything. It may be called twice.
func (r *RabbitMQ) Close() {
	r.Kill9()
	if r.names != nil {
		r.names.signal(syscall.SIGKILL)
		r.names = nil
	}
	_ = os.RemoveAll(r.dir) // what is left is in the system's directory for temporary files
}

// signal reaches the broker and its children.
func (r *RabbitMQ) signal(s syscall.Signal) {
	_ = syscall.Kill(-r.broker.pid(), s) // it may have ended already
}

// Pause stops the broker in its tracks, as a machine that hangs does. Resume lets it go on.
func (r *RabbitMQ) Pause() { r.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (r *RabbitMQ) Resume() { r.signal(syscall.SIGCONT) }

// Block raises the memory alarm: the broker takes no messages until Unblock.
func (r *RabbitMQ) Block(ctx context.Context) error {
	return r.control(ctx, "set_vm_memory_high_watermark", "0.000001")
}

// Unblock ends the alarm that Block raised.
func (r *RabbitMQ) Unblock(ctx context.Context) error {
	return r.control(ctx, "set_vm_memory_high_watermark", "0.4")
}

// Freeze makes one quorum queue answer nothing, with all others at work.
func (r *RabbitMQ) Freeze(ctx context.Context, vhost, queue string) error {
	return r.control(ctx, "eval", fmt.Sprintf("sys:suspend('%s_%s').", vhost, queue))
}

// Thaw lets the queue go on.
func (r *RabbitMQ) Thaw(ctx context.Context, vhost, queue string) error {
	return r.control(ctx, "eval", fmt.Sprintf("sys:resume('%s_%s').", vhost, queue))
}

// Settle has the broker write down which log belongs to which quorum queue. It does so by itself within a second or a few.
// Killed before, it starts the queue with a new, empty log that no member leads: the queue answers nothing from then on,
// and no client can help that.
func (r *RabbitMQ) Settle(ctx context.Context) error {
	return r.control(ctx, "eval", "#{names := #{directory_rev := Names}} = ra_system:fetch(quorum_queues), ok = dets:sync(Names).")
}

func (r *RabbitMQ) control(ctx context.Context, args ...string) error {
	if out, err := r.command(ctx, rabbitControl, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("rabbitmqctl %v: %w\n%s", args, err, out)
	}
	return nil
}

// Vhost makes a virtual host, empty and of this test alone, and gives its URL.
func (r *RabbitMQ) Vhost(tb testing.TB, name string) string {
	tb.Helper()
	where, err := r.NewVhost(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	return where
}

// NewVhost is Vhost outside tests.
func (r *RabbitMQ) NewVhost(ctx context.Context, name string) (string, error) {
	vhost := url.PathEscape(name)
	all := map[string]string{"configure": ".*", "write": ".*", "read": ".*"}
	err := r.Admin(ctx, http.MethodPut, "/api/vhosts/"+vhost, struct{}{})
	if err == nil {
		err = r.Admin(ctx, http.MethodPut, "/api/permissions/"+vhost+"/ozone", all)
	}
	if err != nil {
		return "", fmt.Errorf("vhost %q: %w", name, err)
	}
	return r.URLOf(name), nil
}

// DropVhost removes a virtual host with all that is in it.
func (r *RabbitMQ) DropVhost(ctx context.Context, name string) error {
	return r.Admin(ctx, http.MethodDelete, "/api/vhosts/"+url.PathEscape(name), struct{}{})
}

// PIDs are the broker's processes.
func (r *RabbitMQ) PIDs() []int {
	return append([]int{r.broker.pid()}, childrenOf(r.broker.pid())...)
}

// Admin calls the management API.
func (r *RabbitMQ) Admin(ctx context.Context, method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, r.AdminURL()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // the status says all
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s = %s, want success", method, path, answer.Status)
	}
	return nil
}

func (r *RabbitMQ) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the rig's own programs
	cmd.Env, cmd.Dir = r.env, r.dir
	return cmd
}

func (r *RabbitMQ) path(name string) string { return filepath.Join(r.dir, name) }

// environment keeps the broker away from everything that another one on this machine may use.
func (r *RabbitMQ) environment(names, dist int) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"HOME=" + r.dir,                     // where Erlang looks for the cookie
		"NOTIFY_SOCKET=" + r.path("nobody"), // the script then becomes the broker instead of its parent
		"ERL_EPMD_PORT=" + strconv.Itoa(names), "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_CRASH_DUMP_BYTES=0",
		"RABBITMQ_NODENAME=rig" + strconv.Itoa(r.port) + "@localhost",
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(dist),
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

func (r *RabbitMQ) configure() error {
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
			return err
		}
	}
	return nil
}
