package servers_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/wire"
)

// walls has another account's program try what alice has, with every type of command that names something: it is answered
// what it would be answered of nothing.
func (d *door) walls(t *testing.T) {
	o := d.other
	o.t = t
	const nothing = "1999999999"
	server, own := d.one(t), fmt.Sprint(o.accepted("server.create", "wall-own", `{"params":{"imageId":1,"flavorId":1}}`).Target.ID)
	d.shop.t = t
	made := d.shop.accepted("server.image", "wall-image", `{"target":`+server+`,"params":{"name":"alices"}}`)
	d.ends(t, made)
	image := fmt.Sprint(made.Target.ID)
	group := fmt.Sprint(d.shop.accepted("shared_ip_group.create", "wall-group", `{"params":{"name":"alices"}}`).Target.ID)
	id, err := strconv.ParseInt(server, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := d.alice.Server(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	before := d.all(t)
	for i, c := range []struct{ kind, body, alices string }{
		{"server.delete", `{"target":%s}`, server},
		{"server.update", `{"target":%s,"params":{"name":"mine"}}`, server},
		{"server.update", `{"target":%s,"params":{"adminPass":"canary-88"}}`, server},
		{"server.reboot", `{"target":%s,"params":{"type":"HARD"}}`, server},
		{"server.rebuild", `{"target":%s,"params":{"imageId":1}}`, server},
		{"server.rebuild", `{"target":` + own + `,"params":{"imageId":%s}}`, image},
		{"server.resize", `{"target":%s,"params":{"flavorId":2}}`, server},
		{"server.resize_confirm", `{"target":%s}`, server},
		{"server.resize_revert", `{"target":%s}`, server},
		{"server.share_ip", `{"target":%s,"params":{"sharedIpGroupId":` + group + `,"address":"` + first.Addresses.Public[0] + `"}}`, server},
		{"server.share_ip", `{"target":` + own + `,"params":{"sharedIpGroupId":%s,"address":"` + first.Addresses.Public[0] + `"}}`, group},
		{"server.unshare_ip", `{"target":%s,"params":{"address":"` + first.Addresses.Public[0] + `"}}`, server},
		{"server.image", `{"target":%s,"params":{"name":"stolen"}}`, server},
		{"image.delete", `{"target":%s}`, image},
		{"backup_schedule.set", `{"target":%s,"params":{"enabled":true,"daily":"H_0000_0200"}}`, server},
		{"backup_schedule.disable", `{"target":%s}`, server},
		{"shared_ip_group.create", `{"params":{"name":"mine","server":%s}}`, server},
		{"shared_ip_group.delete", `{"target":%s}`, group},
		{"server.create", `{"params":{"imageId":%s,"flavorId":1}}`, image},
		{"server.create", `{"params":{"imageId":1,"flavorId":1,"sharedIpGroupId":%s}}`, group},
	} {
		there := o.ask(c.kind, fmt.Sprint("wall-", i), fmt.Sprintf(c.body, c.alices))
		nowhere := o.ask(c.kind, fmt.Sprint("wall-none-", i), fmt.Sprintf(c.body, nothing))
		if there.kind != "command.rejected" || there.Fault != nowhere.Fault || there.Message != strings.ReplaceAll(nowhere.Message, nothing, c.alices) {
			t.Errorf("%s of another's = %+v, want what is answered of nothing: %+v", fmt.Sprintf(c.body, c.alices), there, nowhere)
		}
	}
	if after := d.all(t); after != before {
		t.Errorf("alice had %s, and has %s", before, after)
	}
	for {
		m, there, err := o.ch.Get("events.other", true)
		if err != nil {
			t.Fatal(err)
		}
		if !there {
			break
		}
		wire.CheckEvent(t, m.Body)
		if text := string(m.Body); !strings.HasPrefix(m.RoutingKey, d.bob.Account()+".") || strings.Contains(text, "alices") || strings.Contains(text, `"ozaccount":"`+d.alice.Account()) {
			t.Errorf("bob's program got %s: %s", m.RoutingKey, text)
		}
	}
}

// all is what alice has.
func (d *door) all(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/servers/detail", "/images/detail", "/shared_ip_groups/detail"} {
		r, err := d.alice.Do(t.Context(), http.MethodGet, path, nil)
		if err != nil || r.Status != http.StatusOK {
			t.Fatalf("GET %s = %+v, %v", path, r, err)
		}
		all.Write(r.Body)
	}
	return all.String()
}

// thousand sends one message a thousand times.
func (d *door) thousand(t *testing.T) {
	o := d.shop
	o.t = t
	taken := 0
	for range 1000 {
		if o.publish(o.command("server.create", "thousand", `{"params":{"name":"thousandfold","imageId":1,"flavorId":1}}`)) {
			taken++
		}
	}
	first := o.await("thousand", 1)
	o.await("thousand", taken)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range o.answers["thousand"] {
		if v.kind != "command.accepted" || v.Operation != first.Operation || v.Target != first.Target {
			t.Fatalf("%+v beside %+v", v, first)
		}
	}
	if n := strings.Count(d.all(t), `"thousandfold"`); n != 1 {
		t.Errorf("%d servers of a thousand messages, of which the broker took %d", n, taken)
	}
}

// secrets plants what only the sender may know in all that a program can send, taken and not taken. It must be in no answer, event
// or dead letter, in no log and in no file of the node or the database. (In the program's own queue it waits as it was sent.)
func (d *door) secrets(t *testing.T) {
	o := d.shop
	o.t = t
	file := base64.StdEncoding.EncodeToString([]byte("canary-of-a-file"))
	made := o.accepted("server.create", "secret-1", `{"params":{"imageId":1,"flavorId":1,"adminPass":"canary-1","personality":[{"path":"/etc/a","contents":"`+file+`"}]}}`)
	d.ends(t, made)
	d.ends(t, o.accepted("server.update", "secret-2", fmt.Sprintf(`{"target":%d,"params":{"adminPass":"canary-2"}}`, made.Target.ID)))
	for id, body := range map[string]string{
		"secret-3": `{"params":{"imageId":99,"flavorId":1,"adminPass":"canary-3"}}`,
		"secret-4": `{"params":{"imageId":1,"flavorId":1,"adminPass":"canary-4","more":1}}`,
		"secret-5": `{"params":{"imageId":1,"flavorId":1,"adminPass":"canary-5"`,
		"secret-6": `{"params":{"imageId":1,"flavorId":1,"canary-6":1}}`, // a name that is refused may be said again
	} {
		if v := o.ask("server.create", id, body); v.kind != "command.rejected" {
			t.Errorf("%s = %+v, want it rejected", body, v)
		}
	}
	p := o.command("server.create", "secret-nameless", `{"params":{"imageId":1,"flavorId":1,"adminPass":"canary-7"}}`)
	p.UserId = ""
	o.publish(p)
	d.awaitDead(t, "secret-nameless", "no user_id")
	places := map[string]string{"the log": d.node.Log(), "the dead letter": d.command(t, "bus", "dead", "show", "secret-nameless")}
	for id, answers := range o.answersOf("secret-") {
		places["an answer to "+id] = answers
	}
	for _, dir := range []string{d.node.Dir(), d.database.Dir()} {
		read := 0
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error { // a server at work removes files
			if err == nil && e.Type().IsRegular() {
				text, _ := os.ReadFile(path)
				places[path] = string(text)
				read++
			}
			return nil
		})
		if read < 3 {
			t.Errorf("%d files in %s", read, dir)
		}
	}
	for place, text := range places {
		for _, word := range []string{"canary-1", "canary-2", "canary-3", "canary-4", "canary-5", "canary-7", "canary-88", "canary-of-a-file", file} {
			if strings.Contains(text, word) {
				t.Errorf("%s is in %s", word, place)
			}
		}
	}
}
