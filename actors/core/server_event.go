package core

import (
	"maps"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// tellChange tells of what tenants see change when nothing else in the decision on m did: events show everything that
// the API ever showed. It is progress of the operation under way, or the server's own news: its host is lost, its group is gone.
func (d *server) tellChange(before *schemas.Server, m any) {
	if len(d.e.Events) > 0 || looksLike(before, &d.Server) {
		return
	}
	c := d.Cursor
	switch m.(type) {
	case *Admit, GroupGone: // not what the operation under way has done
		c = nil
	}
	if c == nil || c.Step == "" {
		d.e.event(&d.Sequence, string(schemas.ServerUpdate), PhaseNone, "", nil)
		return
	}
	d.event(c.Action, PhaseProgress, c.Operation, nil)
}

// looksLike tells whether two states of a server are shown alike.
func looksLike(a, b *schemas.Server) bool {
	shown := isShown(b)
	return isShown(a) == shown && (!shown ||
		a.Status == b.Status && a.Progress == b.Progress && a.Name == b.Name && a.Image == b.Image && a.Flavor == b.Flavor &&
			a.Group == b.Group && a.Home.Host == b.Home.Host && slices.Equal(a.Public, b.Public) && slices.Equal(a.Shared, b.Shared) &&
			slices.Equal(a.Private, b.Private) && maps.Equal(a.Metadata, b.Metadata))
}
