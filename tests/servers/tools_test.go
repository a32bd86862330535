package servers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/wire"
)

// examples are the programs of docs/examples: stock clients of AMQP in three languages, and nothing of Ozone's.
var examples = map[string][]string{
	"go":     {"go", "run", "../../docs/examples/go"},
	"python": {"/usr/bin/python3", "../../docs/examples/python/main.py"},
	"ruby":   {"ruby", "../../docs/examples/ruby/main.rb"},
}

// ends is what each of them prints.
const ends = `ozone.server.create.end ACTIVE
ozone.server.resize.end VERIFY_RESIZE
ozone.server.resize_confirm.end ACTIVE
ozone.server.delete.end gone
`

// tools are programs that know nothing of Ozone's code.
func (d *door) tools(t *testing.T) {
	publish := exec.CommandContext(t.Context(), "amqp-publish", "--url="+d.shop.url, "--exchange=ingress.shop", "--routing-key=x", "--persistent", "--body={}")
	if out, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("amqp-publish: %v\n%s", err, out)
	}
	d.awaitDead(t, `""`, "no user_id") // it cannot set one, nor an id

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o := d.newOutsider(t, d.alice.Account(), "example")
	_ = o.conn.Close() // the queue of answers is the programs'
	queue := strings.TrimSpace(d.command(t, "bus", "queue", "create", "example", "ends", "--types", "server.*.end"))
	for name, words := range examples {
		program := exec.CommandContext(ctx, words[0], append(words[1:], "order-"+name)...)
		program.Env = append(os.Environ(), "BUS_URL="+o.url)
		if out, err := program.CombinedOutput(); err != nil || string(out) != ends {
			t.Errorf("the example in %s = %v, %s, want %s", name, err, out, ends)
		}
	}
	count := len(examples) * strings.Count(ends, "\n")
	consume := exec.CommandContext(ctx, "timeout", "60", "amqp-consume", "--url="+o.url, "--queue="+queue, "--count="+strconv.Itoa(count), "cat")
	out, err := consume.Output()
	if err != nil {
		t.Fatalf("amqp-consume: %v", err)
	}
	var got []string
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var event json.RawMessage
		if err := in.Decode(&event); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("amqp-consume: %v in %s", err, out)
		}
		wire.CheckEvent(t, event)
		var e cloudEvent
		if err := json.Unmarshal(event, &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Type)
	}
	if len(got) != count {
		t.Errorf("amqp-consume has %v, want %d events", got, count)
	}
}
