package servers_test

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// tools are programs of Debian that know nothing of Ozone.
func (d *door) tools(t *testing.T) {
	publish := exec.CommandContext(t.Context(), "amqp-publish", "--url="+d.shop.url, "--exchange=ingress.shop", "--routing-key=x", "--persistent", "--body={}")
	if out, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("amqp-publish: %v\n%s", err, out)
	}
	d.awaitDead(t, `""`, "no user_id") // it cannot set one, nor an id

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	o := d.newOutsider(t, d.alice.Account(), "snake")
	_ = o.conn.Close() // the queue of answers is the script's
	script := exec.CommandContext(ctx, "/usr/bin/python3", "testdata/producer.py", o.url)
	out, err := script.CombinedOutput()
	const want = "ozone.server.create.end\nozone.server.resize.end\nozone.server.resize_confirm.end\nozone.server.delete.end\n"
	if err != nil || string(out) != want {
		t.Errorf("producer.py = %v, %s, want %s", err, out, want)
	}
}
