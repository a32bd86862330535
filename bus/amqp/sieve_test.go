package amqp_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/tests/rig"
)

// TestNoHeadersOfAStrangerEndAConnection sends what the broker takes and the library does not read.
func TestNoHeadersOfAStrangerEndAConnection(t *testing.T) {
	t.Parallel()
	const vhost, user = "strange-headers", "strange"
	plain := shared.Vhost(t, vhost)
	admin, err := amqp.NewAdmin(shared.AdminURL(), vhost)
	if err == nil {
		err = admin.Prepare(t.Context(), "ozone")
	}
	if err == nil {
		err = admin.PutUser(t.Context(), user, "sesame", 1001)
	}
	if err != nil {
		t.Fatal(err)
	}
	deep, nulls := any("bottom"), make([]any, 9000)
	for range 60 {
		deep = amqp091.Table{"deeper": deep}
	}
	for name, where := range map[string]string{"in clear": plain, "over TLS": overTLS(t, plain)} {
		tenants := amqp.NewTenants(amqp.Config{URL: where, Now: time.Now})
		defer func() { _ = tenants.Close() }()
		c, err := tenants.Consume(t.Context(), bus.IngressQueue(user), 8)
		if err != nil {
			t.Fatalf("%s: Consume = %v", name, err)
		}
		defer c.Close()
		sent := []amqp091.Table{
			{"a": "text", "deep": deep, "n": int32(7), "z": "last"},
			{"list": nulls},
			{"large": strings.Repeat("x", 130_980)},
			{"bytes": []byte("b"), "time": time.Unix(1, 0), "decimal": amqp091.Decimal{Scale: 1, Value: 2}, "none": nil, "yes": true, "z": "last"},
			nil,
		}
		raw(t, plain, func(ch *amqp091.Channel) error {
			for i, headers := range sent {
				p := amqp091.Publishing{ContentType: "a", ContentEncoding: "b", MessageId: string(rune('0' + i)), Type: "t", Headers: headers, Body: []byte("body")}
				if err := ch.PublishWithContext(t.Context(), "ingress."+user, "", true, false, p); err != nil {
					return err
				}
			}
			return ch.Confirm(false) // all before it is with the broker
		})
		texts := []int{2, 0, 0, 1, 0}
		for i := range sent {
			d, open := <-c.Deliveries()
			if !open {
				t.Fatalf("%s: the consumer has ended before message %d", name, i)
			}
			if number(d.ID) != i || d.Type != "t" || d.Outside.ContentType != "a" || string(d.Body) != "body" || len(d.Outside.Headers) != texts[i] {
				t.Errorf("%s: message %d = %+v %+v, want it with %d headers that are texts", name, i, d, d.Outside, texts[i])
			}
			c.Ack(d.Tag)
		}
		c.Close()
		if err := tenants.Close(); err != nil {
			t.Error(err)
		}
	}
}

// overTLS is the URL of a door to the broker that is encrypted.
func overTLS(t *testing.T, plain string) string {
	t.Helper()
	to, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	certificates := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certificates.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificates.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with the listener
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to.Host)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	return rig.ChangeURL(t, plain, func(u *url.URL) {
		u.Scheme, u.Host, u.RawQuery = "amqps", ln.Addr().String(), "cacertfile="+url.QueryEscape(file)
	})
}
