package agent

import (
	"context"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// power does one kind of step.
type power func(ctx context.Context, d hosts.Driver, s schemas.Step, p schemas.Payload) error

// powers says which call of the driver does which step.
var powers = map[schemas.StepName]power{
	schemas.StepFetchImage: always(hosts.Driver.FetchImage),
	schemas.StepCreateDisk: func(ctx context.Context, d hosts.Driver, s schemas.Step, p schemas.Payload) error {
		return d.CreateDisk(ctx, s, p)
	},
	schemas.StepStart: always(hosts.Driver.Start),
	schemas.StepStop:  always(hosts.Driver.Stop),
	schemas.StepWipe:  always(hosts.Driver.Wipe),
	schemas.StepRestartSoft: extra(func(ctx context.Context, d hosts.Rebooter, s schemas.Step, _ schemas.Payload) error {
		return d.Restart(ctx, s, false)
	}),
	schemas.StepRestartHard: extra(func(ctx context.Context, d hosts.Rebooter, s schemas.Step, _ schemas.Payload) error {
		return d.Restart(ctx, s, true)
	}),
	schemas.StepSetPassword: extra(func(ctx context.Context, d hosts.PasswordSetter, s schemas.Step, p schemas.Payload) error {
		return d.SetPassword(ctx, s, p)
	}),
	schemas.StepSnapshot: extra(func(ctx context.Context, d hosts.Snapshotter, s schemas.Step, _ schemas.Payload) error {
		return d.Snapshot(ctx, s)
	}),
	schemas.StepCopy: extra(func(ctx context.Context, d hosts.Copier, s schemas.Step, _ schemas.Payload) error {
		return d.Copy(ctx, s, false)
	}),
	schemas.StepCopyDelta: extra(func(ctx context.Context, d hosts.Copier, s schemas.Step, _ schemas.Payload) error {
		return d.Copy(ctx, s, true)
	}),
	schemas.StepSave: extra(func(ctx context.Context, d hosts.Saver, s schemas.Step, _ schemas.Payload) error {
		return d.Save(ctx, s)
	}),
	schemas.StepShareIP: extra(func(ctx context.Context, d hosts.Sharer, s schemas.Step, _ schemas.Payload) error {
		return d.Share(ctx, s)
	}),
	schemas.StepUnshareIP: extra(func(ctx context.Context, d hosts.Sharer, s schemas.Step, _ schemas.Payload) error {
		return d.Unshare(ctx, s)
	}),
	schemas.StepProbe: extra(func(ctx context.Context, d hosts.Prober, s schemas.Step, _ schemas.Payload) error {
		return d.Probe(ctx, s)
	}),
	schemas.StepRemove: extra(func(ctx context.Context, d hosts.Remover, s schemas.Step, _ schemas.Payload) error {
		return d.Remove(ctx, s)
	}),
}

// always is a step that every driver can do.
func always(do func(hosts.Driver, context.Context, schemas.Step) error) power {
	return func(ctx context.Context, d hosts.Driver, s schemas.Step, _ schemas.Payload) error {
		return do(d, ctx, s)
	}
}

// extra is a step that only a driver with the power P can do.
func extra[P any](do func(ctx context.Context, d P, s schemas.Step, p schemas.Payload) error) power {
	return func(ctx context.Context, d hosts.Driver, s schemas.Step, p schemas.Payload) error {
		able, ok := d.(P)
		if !ok {
			return &hosts.Failed{Failure: *failed(schemas.FailureUnknown, "the driver of host %d cannot %s", s.Host, s.Name)}
		}
		return do(ctx, able, s, p)
	}
}
