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
	"strconv"
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
	plain := strangers(t, "strange-headers")
	deep, nulls := any("bottom"), make([]any, 9000)
	for range 60 {
		deep = amqp091.Table{"deeper": deep}
	}
	texts := []int{2, 0, 0, 1, 0} // of each that come
	var sent []amqp091.Publishing
	for _, headers := range []amqp091.Table{
		{"a": "text", "deep": deep, "n": int32(7), "z": "last"},
		{"list": nulls},
		{"large": strings.Repeat("x", 130_980)},
		{"bytes": []byte("b"), "time": time.Unix(1, 0), "decimal": amqp091.Decimal{Scale: 1, Value: 2}, "none": nil, "yes": true, "z": "last"},
		nil,
	} {
		sent = append(sent, amqp091.Publishing{ContentType: "a", ContentEncoding: "b", Type: "t", Headers: headers, Body: []byte("body")})
	}
	for name, where := range map[string]string{"in clear": plain, "over TLS": overTLS(t, plain)} {
		for i, d := range through(t, plain, where, sent) {
			if d.Type != "t" || d.Outside.ContentType != "a" || string(d.Body) != "body" || len(d.Outside.Headers) != texts[i] {
				t.Errorf("%s: message %d = %+v %+v, want it with %d headers that are texts", name, i, d, d.Outside, texts[i])
			}
		}
	}
}

func TestALongMessageOfAStrangerIsCut(t *testing.T) {
	t.Parallel()
	plain := strangers(t, "strange-bodies")
	long := make([]byte, 2*bus.MaxOutside+7)
	var sent []amqp091.Publishing
	for _, body := range [][]byte{long, long[:bus.MaxOutside+1], long[:bus.MaxOutside], nil, long} {
		sent = append(sent, amqp091.Publishing{Body: body})
	}
	for i, d := range through(t, plain, plain, sent) {
		if want := min(len(sent[i].Body), bus.MaxOutside+1); len(d.Body) != want {
			t.Errorf("message %d of %d bytes has %d, want %d", i, len(sent[i].Body), len(d.Body), want)
		}
	}
}

// strangers makes a virtual host for tenants with one user, "strange".
func strangers(t *testing.T, vhost string) (plain string) {
	t.Helper()
	plain = shared.Vhost(t, vhost)
	admin, err := amqp.NewAdmin(shared.AdminURL(), vhost)
	if err == nil {
		err = admin.Prepare(t.Context(), "ozone")
	}
	if err == nil {
		err = admin.PutUser(t.Context(), "strange", "sesame", 1001)
	}
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// through is what comes of messages to one consumer.
func through(t *testing.T, plain, where string, sent []amqp091.Publishing) (came []bus.Delivery) {
	t.Helper()
	tenants := amqp.NewTenants(amqp.Config{URL: where, Now: time.Now})
	defer func() { _ = tenants.Close() }()
	c, err := tenants.Consume(t.Context(), bus.IngressQueue("strange"), 8)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw(t, plain, func(ch *amqp091.Channel) error {
		for i, p := range sent {
			p.MessageId = strconv.Itoa(i)
			if err := ch.PublishWithContext(t.Context(), "ingress.strange", "", true, false, p); err != nil {
				return err
			}
		}
		return ch.Confirm(false) // all before it is with the broker
	})
	for i := range sent {
		d, open := <-c.Deliveries()
		if !open || number(d.ID) != i {
			t.Fatalf("message %d = %+v, %v; a connection or a message is lost", i, d, open)
		}
		c.Ack(d.Tag)
		came = append(came, d)
	}
	return came
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
