package hosttest

import (
	"context"
	"regexp"

	"github.com/ozonecloud/ozone/schemas"
)

func createStartStopWipe(w *world) {
	p := w.home(7)
	w.create("create", p, schemas.Payload{})
	w.has(w.First, w.machine(p, false))
	w.must(w.step("create", schemas.StepStart, p))
	w.has(w.First, w.machine(p, true))
	w.must(w.step("again", schemas.StepStart, p)) // running already is success
	w.must(w.step("delete", schemas.StepStop, p))
	w.has(w.First, w.machine(p, false))
	w.must(w.step("delete", schemas.StepWipe, p))
	w.has(w.First)
	if c := w.Content(w.T, p); c != "" {
		w.Errorf("content of a wiped server = %q, want none", c)
	}
}

func unknownCopies(w *world) {
	p := w.home(7)
	w.must(w.step("delete", schemas.StepStop, p))
	w.must(w.step("delete", schemas.StepWipe, p))
	w.refused(w.step("create", schemas.StepStart, p), schemas.FailureMissing)
	w.boot("create", p)
	other := p
	other.Copy = 2
	w.must(w.step("delete", schemas.StepStop, other))
	w.must(w.step("delete", schemas.StepWipe, other))
	w.has(w.First, w.machine(p, true))
}

func unknownImage(w *world) {
	s := w.step("create", schemas.StepFetchImage, w.home(7))
	s.Params.Image = w.NoImage
	w.refused(s, schemas.FailureNoImage)
	s = w.step("create", schemas.StepCreateDisk, w.home(7))
	s.Params.Image = w.NoImage
	w.refused(s, schemas.FailureNoImage)
	w.has(w.First)
}

func capacity(w *world) {
	s := w.step("create", schemas.StepCreateDisk, w.home(7))
	s.Params.Flavor = &w.TooLarge
	w.refused(s, schemas.FailureNoSpace)
	w.create("small", w.home(8), schemas.Payload{})
	s = w.step("large", schemas.StepCreateDisk, w.home(9))
	s.Params.Flavor = &w.Large
	w.refused(s, schemas.FailureNoSpace)
	w.has(w.First, w.machine(w.home(8), false))
	w.must(w.step("delete", schemas.StepWipe, w.home(8)))
	s.Operation = "large again"
	w.must(s)
}

func rebuild(w *world) {
	p := w.home(7)
	w.create("create", p, schemas.Payload{})
	fresh := w.Content(w.T, p)
	w.must(w.step("create", schemas.StepStart, p))
	w.Write(w.T, p)
	w.must(w.step("rebuild", schemas.StepStop, p))
	if w.Content(w.T, p) == fresh {
		w.Error("what the guest wrote is not on the disk")
	}
	w.must(w.step("rebuild", schemas.StepWipe, p))
	w.create("rebuild", p, schemas.Payload{})
	if got := w.Content(w.T, p); got != fresh {
		w.Errorf("content after a rebuild = %q, want that of the image: %q", got, fresh)
	}
	w.must(w.step("rebuild", schemas.StepStart, p))
	w.has(w.First, w.machine(p, true))
}

func personality(w *world) {
	p := w.home(7)
	files := []schemas.File{
		{Path: "/root/new.txt", Contents: []byte("new")},
		{Path: w.Replaced, Contents: []byte("replaced")},
	}
	w.create("create", p, schemas.Payload{Personality: files})
	backup := regexp.MustCompile(`^` + regexp.QuoteMeta(w.Replaced) + `\.bak\.[0-9]+\.[0-9]+$`)
	found := map[string]File{}
	backups := 0
	for _, f := range w.Files(w.T, p) {
		found[f.Path] = f
		if backup.MatchString(f.Path) {
			backups++
		}
	}
	for _, f := range files {
		want := File{f.Path, w.ContentsOf(f.Contents), "0440", "root:root"}
		if found[f.Path] != want {
			w.Errorf("file %s = %+v, want %+v", f.Path, found[f.Path], want)
		}
	}
	if backups != 1 {
		w.Errorf("%d backups of %s, want 1: %v", backups, w.Replaced, found)
	}
}

func reopen(w *world) {
	on, off, gone := w.home(7), w.home(8), Place{w.Second, 9, 1}
	w.boot("a", on)
	w.create("b", off, schemas.Payload{})
	w.boot("c", gone)
	w.must(w.step("d", schemas.StepWipe, gone))
	before := w.picture()
	w.Drivers = w.Reopen(w.T)
	after := w.picture()
	if len(after) != 2 || after[on] != before[on] || after[off] != before[off] {
		w.Errorf("after reopening %v, want %v", after, before)
	}
	w.must(w.step("e", schemas.StepStop, on))
	w.has(w.First, w.machine(on, false), w.machine(off, false))
}

func cancelled(w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	s := w.step("create", schemas.StepCreateDisk, w.home(7))
	if err := w.call(ctx, s, schemas.Payload{}); err != nil && reason(err) != "unknown" {
		w.Errorf("create_disk with an ended context: %v, want an error that leaves it open, or none", err)
	}
	w.create("create", w.home(7), schemas.Payload{})
}

func reboot(w *world) {
	p := w.home(7)
	w.boot("create", p)
	w.must(w.step("soft", schemas.StepRestartSoft, p))
	w.has(w.First, w.machine(p, true))
	w.must(w.step("stop", schemas.StepStop, p))
	w.must(w.step("hard", schemas.StepRestartHard, p)) // a stopped one is started
	w.has(w.First, w.machine(p, true))
	w.refused(w.step("none", schemas.StepRestartHard, w.home(8)), schemas.FailureMissing)
}

func password(w *world) {
	p := w.home(7)
	w.boot("create", p)
	if err := w.do(w.step("pass", schemas.StepSetPassword, p), schemas.Payload{PasswordHash: "$5$a$b"}); err != nil {
		w.Errorf("set_password of a running server: %v", err)
	}
	w.must(w.step("stop", schemas.StepStop, p))
	w.refused(w.step("off", schemas.StepSetPassword, p), schemas.FailureFault)
	w.refused(w.step("none", schemas.StepSetPassword, w.home(8)), schemas.FailureMissing)
}
