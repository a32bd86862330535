package amqp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

const (
	// heartbeat is how often each side says that it lives. The broker gives up a silent node after two to three of
	// them, which is how long the shards of one that hangs stay with it. Source: docs/numbers.md (aim: 8 s to 15 s).
	heartbeat = 4 * time.Second
	// dialTime bounds a connection's handshake. A loaded broker takes seconds.
	dialTime = 10 * time.Second
	// writeTime bounds one write, whatever the context. A broker that hangs takes no more bytes and would hold the writer, and all who
	// wait for its locks, for ever: the library lets no heartbeat through then.
	writeTime = 3 * heartbeat
)

// ErrNoVhost says that a virtual host cannot be used.
var ErrNoVhost = errors.New("it is not there, or the user may not use it")

// dialer makes connections with one setting.
type dialer struct {
	cfg  Config
	uri  amqp091.URI
	sift bool // strangers write what is read
}

func newDialer(cfg Config) (*dialer, error) {
	uri, err := amqp091.ParseURI(cfg.URL)
	if err != nil {
		if quoting, ok := errors.AsType[*url.Error](err); ok { // it has the whole URL in it, password and all
			err = quoting.Err
		}
		return nil, fmt.Errorf("bus URL is not readable: %w", err)
	}
	return &dialer{cfg: cfg, uri: uri}, nil
}

// dial connects. The second result is the bare connection, for who wants to cut it.
func (d *dialer) dial(ctx context.Context, role string) (*amqp091.Connection, net.Conn, error) {
	var bare net.Conn
	forget := func() bool { return true }
	defer func() { forget() }()
	connect := func(network, _ string) (net.Conn, error) {
		dialer := net.Dialer{Timeout: dialTime}
		c, err := dialer.DialContext(ctx, network, d.host())
		if err != nil {
			return nil, err
		}
		bare = newGathering(c)
		forget = context.AfterFunc(ctx, func() { _ = c.Close() })          // ends the handshake
		if err := c.SetDeadline(machineTime().Add(dialTime)); err != nil { // the library lifts it after the handshake
			return nil, err
		}
		return d.secure(ctx, bare)
	}
	properties := amqp091.NewConnectionProperties()
	properties.SetClientConnectionName(d.cfg.Name + " " + role)
	// Recovery stays nil: after the library's own recovery a late acknowledgement wipes unprocessed messages.
	// What is read must be looked at in clear, so the library is told nothing of TLS.
	where := strings.Replace(d.cfg.URL, schemeTLS+":", "amqp:", 1)
	conn, err := amqp091.DialConfig(where, amqp091.Config{Heartbeat: heartbeat, Dial: connect, Properties: properties})
	if err != nil {
		if bare != nil {
			_ = bare.Close() // the handshake's error says more
		}
		return nil, nil, d.explain(err)
	}
	return conn, bare, nil
}

func (d *dialer) host() string { return net.JoinHostPort(d.uri.Host, strconv.Itoa(d.uri.Port)) }

// schemeTLS is that of a URL whose connections are encrypted.
const schemeTLS = "amqps"

// secure is the connection as the library gets it.
func (d *dialer) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	if d.uri.Scheme == schemeTLS {
		cfg, err := d.certificates()
		if err != nil {
			return nil, err
		}
		client := tls.Client(c, cfg)
		if err := client.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c = client
	}
	if d.sift {
		c = newSieve(c)
	}
	return c, nil
}

// certificates are those that the URL names, beside the system's.
func (d *dialer) certificates() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(d.uri.ServerName, d.uri.Host)}
	if file := d.uri.CACertFile; file != "" {
		text, err := os.ReadFile(file) //nolint:gosec // whoever runs the node names it
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificate in it", file)
		}
	}
	if d.uri.CertFile == "" || d.uri.KeyFile == "" {
		return cfg, nil
	}
	own, err := tls.LoadX509KeyPair(d.uri.CertFile, d.uri.KeyFile)
	cfg.Certificates = []tls.Certificate{own}
	return cfg, err
}

// explain says which part of the URL is to blame, without its password.
func (d *dialer) explain(err error) error {
	host := d.host()
	var refused *amqp091.Error
	var network net.Error
	switch {
	case errors.As(err, &network):
		return fmt.Errorf("bus URL: no broker answers at %s: %w", host, err)
	case !errors.As(err, &refused):
		return fmt.Errorf("bus URL: %s: %w", host, err)
	case refused.Code == amqp091.NotAllowed || errors.Is(err, amqp091.ErrVhost):
		return fmt.Errorf("bus URL: virtual host %q at %s, user %q: %w: %w", d.uri.Vhost, host, d.uri.Username, ErrNoVhost, err)
	case refused.Code == amqp091.AccessRefused:
		return fmt.Errorf("bus URL: user %q at %s: wrong name or password: %w", d.uri.Username, host, err)
	default:
		return fmt.Errorf("bus URL: %s: %w", host, err)
	}
}

// machineTime is the clock that sockets know. The cloud's may be another one.
func machineTime() time.Time { return time.Now() } //nolint:forbidigo // see above
