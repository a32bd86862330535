package tenant

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/client"
	"github.com/ozonecloud/ozone/schemas"
)

// probeFlags say how a resize decides itself.
type probeFlags struct {
	Probe      string         `help:"Confirm the resize by itself when the server answers this, else revert it: tcp:PORT, or http:PORT/PATH with a status from 200 to 399." placeholder:"PROBE" env:"-"`
	ProbeAfter *time.Duration `help:"With --probe: how long the server has to get up first. Default: 1m." placeholder:"DURATION" env:"-"`
	ProbeFor   *time.Duration `help:"With --probe: how long it must then answer every time. Default: 30s." placeholder:"DURATION" env:"-"`
}

// probe is what the flags say; nil: there is none.
func (f *probeFlags) probe() (*client.Probe, error) {
	if f.Probe == "" {
		if f.ProbeAfter != nil || f.ProbeFor != nil {
			return nil, usage("--probe-after and --probe-for say nothing without --probe", "Give --probe tcp:PORT or --probe http:PORT/PATH.")
		}
		return nil, nil
	}
	kind, place, _ := strings.Cut(f.Probe, ":")
	number, path, hasPath := strings.Cut(place, "/")
	port, err := strconv.Atoi(number)
	p := client.Probe{Type: schemas.ProbeType(kind), Port: port}
	if hasPath {
		p.Path = "/" + path
	}
	if err != nil || p.Type != schemas.ProbeTCP && p.Type != schemas.ProbeHTTP || hasPath && p.Type == schemas.ProbeTCP {
		return nil, usage(fmt.Sprintf("--probe %s is no probe", f.Probe), "Give tcp:PORT or http:PORT/PATH.")
	}
	if p.After, err = seconds("--probe-after", f.ProbeAfter); err != nil {
		return nil, err
	}
	p.For, err = seconds("--probe-for", f.ProbeFor)
	return &p, err
}

func seconds(flag string, d *time.Duration) (*int64, error) {
	if d == nil {
		return nil, nil
	}
	if *d%time.Second != 0 {
		return nil, usage(fmt.Sprintf("%s %v is not in whole seconds", flag, *d), "")
	}
	n := int64(*d / time.Second)
	return &n, nil
}

// resizeProbed resizes a server with a probe. The wait for it ends when the probe has decided and that is done.
func (c *serverResizeCmd) resizeProbed(ctx context.Context, s *session, flavor schemas.FlavorID, p client.Probe) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.ResizeProbed(ctx, id, flavor, p, c.terms())
	if err != nil || !c.Wait {
		return s.done(ctx, c.write, op, err)
	}
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	resize, err := s.watch(ctx, op)
	if err != nil {
		return shownWith(s, resize, err)
	}
	_, _ = fmt.Fprintf(s.Err, "the probe %s decides\n", c.Probe)
	decision, err := s.Decision(ctx, id, resize)
	if err != nil {
		return s.notWaited(err, "resize "+string(op)+" is decided")
	}
	decision, err = s.watch(ctx, decision.ID)
	if err == nil && decision.Action != schemas.ServerResizeConfirm {
		err = undecided(decision)
	}
	return shownWith(s, decision, err)
}

// shownWith shows an operation that was read, and says what was wrong with it.
func shownWith(s *session, o schemas.Operation, err error) error {
	if o.ID == "" {
		return err
	}
	return errors.Join(show(s.printer, o, operationColumns), err)
}

// notWaited is why a wait ended before its end.
func (s *session) notWaited(err error, until string) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &problem{error: errors.New("not waited until " + until), code: exitAway, advice: "ozone server history shows what becomes of it."}
	}
	return err
}

// undecided is why a resize was not confirmed.
func undecided(o schemas.Operation) error {
	why := o.Reason
	if why == "" {
		why = "somebody has asked for that"
	}
	return &problem{error: fmt.Errorf("the resize was not confirmed: %s of %s, because %s", o.Action, o.Target, why), code: exitRefused}
}
