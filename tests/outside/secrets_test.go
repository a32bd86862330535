package outside_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// canary is one secret that was given to the cloud or made by it.
type canary struct{ what, text string }

// TestNoSecretIsKeptInClear plants secrets of every kind, some still under way when the process is killed, and looks
// for them in every file, log line and answer: those of the servers too, with their queues. Source: docs/promises.md, I15.
func TestNoSecretIsKeptInClear(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		began := time.Now().Add(-time.Second) // file times are coarse
		n := w.start(t, "--sim-delay", "100ms", "--log-level", "debug")
		var canaries []canary
		plant := func(what, text string) { canaries = append(canaries, canary{what, text}) }
		var tenants []*client.Client
		for i := range 4 {
			c := nodetest.Client(t, n, fmt.Sprintf("tenant%d", i))
			tenants = append(tenants, c)
			plant("API key", c.Key())
			plant("token", c.Token())
		}
		var answers [][]byte
		for i, c := range tenants {
			answers = append(answers, plantServers(t, c, i, plant)...)
		}
		if err := n.Kill9(); err != nil { // what is under way is on disk and in the write-ahead log
			t.Fatal(err)
		}
		if len(canaries) < 30 {
			t.Fatalf("%d canaries, want 30", len(canaries))
		}
		search(t, canaries, "after kill -9", filesSince(t, began, w.dirs(n)))
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range tenants {
			answers = append(answers, []byte(snapshot(t, c)))
		}
		found := filesSince(t, began, w.dirs(n))
		found["the log"] = []byte(n.Log())
		for i, a := range answers {
			found[fmt.Sprintf("answer %d", i)] = a
		}
		search(t, canaries, "after the restart", found)
		t.Logf("%d canaries, %d places", len(canaries), len(found))
	})
}

// plantServers gives the cloud secrets in creates and password changes, good ones and refused ones. It returns the answers
// that must hold none; a create's own is the one place where its password is shown.
func plantServers(t *testing.T, c *client.Client, i int, plant func(what, text string)) [][]byte {
	t.Helper()
	var answers [][]byte
	made := make([]client.Server, 3)
	for j := range made {
		contents := fmt.Sprintf("personality-%d-%d-is-nobody's-business", i, j)
		plant("personality", contents)
		body := server(fmt.Sprintf(`"name":"n","imageId":1,"flavorId":1,"personality":[{"path":"/etc/motd","contents":"%s"}]`,
			base64.StdEncoding.EncodeToString([]byte(contents))))
		r, err := c.Do(t.Context(), http.MethodPost, "/servers", body, "Idempotency-Key", fmt.Sprintf("k%d", j))
		expect(t, "create", r, err, http.StatusAccepted, "")
		if err := r.Decode("server", &made[j]); err != nil {
			t.Fatal(err)
		}
		plant("adminPass", made[j].AdminPass)
		if j < 2 {
			await(t, c, r, "succeeded")
		}
	}
	for j, id := range []int64{made[0].ID, made[1].ID, 99999999} { // the last is refused
		password := fmt.Sprintf("Chosen-%d-%d-by-the-tenant", i, j)
		plant("PUT adminPass", password)
		r, err := c.Do(t.Context(), http.MethodPut, path(id), server(`"adminPass":"`+password+`"`))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, r.Body)
		if j == 0 {
			await(t, c, r, "succeeded")
		}
	}
	bad := "Malformed-" + c.Account() + "-password"
	plant("malformed adminPass", bad)
	r, err := c.Do(t.Context(), http.MethodPut, path(made[0].ID), `{"server":{"adminPass":"`+bad+`"`)
	expect(t, "malformed", r, err, http.StatusBadRequest, "badRequest")
	return append(answers, r.Body)
}

// filesSince reads every file below the directories that was written since.
func filesSince(t *testing.T, since time.Time, dirs []string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, dir := range dirs {
		before := len(found)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && writtenSince(d, since) {
				found[path], err = os.ReadFile(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a server at work removes files
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) < before+5 {
			t.Fatalf("only %d files in %s", len(found)-before, dir)
		}
	}
	return found
}

func writtenSince(d fs.DirEntry, since time.Time) bool {
	info, err := d.Info()
	return err == nil && !info.ModTime().Before(since)
}

// search looks for each canary as it is and in the encodings that it travels in.
func search(t *testing.T, canaries []canary, when string, places map[string][]byte) {
	t.Helper()
	for _, c := range canaries {
		for _, form := range []string{
			c.text, base64.StdEncoding.EncodeToString([]byte(c.text)), strings.ToLower(fmt.Sprintf("%x", c.text)),
		} {
			for place, content := range places {
				if bytes.Contains(content, []byte(form)) {
					t.Errorf("%s: %s %q is in %s", when, c.what, form, place)
				}
			}
		}
	}
}
