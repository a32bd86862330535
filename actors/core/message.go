package core

import "github.com/ozonecloud/ozone/schemas"

// The messages inside a shard. They live for one turn and are never stored.

// Admit is a command on its way through the actors of its shard. Each adds what it found out.
type Admit struct {
	Command *schemas.Command
	// Known is what the store and the shard already know of this command.
	Known Known
	// NewServer, NewImage and NewGroup are the ids that a create may take.
	NewServer schemas.ServerID
	NewImage  schemas.ImageID
	NewGroup  schemas.GroupID

	Holds   bool              // the account holds something for it: a refusal gives it back
	Granted bool              // the account has granted what a resize needs
	Imaged  bool              // its image was found to be usable
	Expired bool              // it came too late
	Source  schemas.Placement // server.image: where the server runs
	Owner   schemas.ServerID  // server.image: the server
	Joins   bool              // its group has agreed
	Cluster schemas.ClusterID // the group's, 0: any
	Public  []string          // the own addresses of a new group's first member
	Refused *schemas.Error    // what the server's status says against sharing; that its group is not there goes before it
	// Subject is the server or the image whose operation operation.cancel cancels; zero: that is not under way.
	Subject schemas.Ref
	// Slot is whose backup server.image makes, nil: a tenant wants it.
	Slot *schemas.BackupSlot
}

// afterImage is who a create goes to when its image was found to be usable.
func (a *Admit) afterImage() schemas.Ref {
	if g := a.Command.Params.Group; g != 0 {
		return g.Ref()
	}
	return a.NewServer.Ref()
}

// Known is the past of a command: the same operation redelivered, or an earlier one with the same key.
type Known struct {
	// Same is the answer of this very operation when it was decided before.
	Same *schemas.Answer
	// Open: this very operation is under way, undecided.
	Open bool
	// KeyOperation is the earlier operation of the same key, "" if there is none.
	KeyOperation schemas.OperationID
	KeyDigest    []byte
	// KeyAnswer is that operation's answer, nil while it is undecided.
	KeyAnswer *schemas.Answer
}

// Reserve asks the account for what a resize needs; it sends the command on when there is enough.
type Reserve struct {
	Admit  *Admit
	RAMMiB int64
}

// Settle ends what an account holds for an operation: Keep makes it the server's, else it is given back.
// Free gives back what an admitted server held.
type Settle struct {
	Operation schemas.OperationID
	Keep      bool
	Free      schemas.Quota
}

// ServerGone tells an image that the server it was made from is being deleted.
type ServerGone struct{ Operation schemas.OperationID }

// ImageEnded tells a server that an image of it is no longer in flight: with an Error it failed. Gone: it was deleted.
type ImageEnded struct {
	Image schemas.ImageID
	Error *schemas.OperationError
	Gone  bool
}

// Discard tells a backup's image that its server does not need it: it failed, or a newer one is good.
type Discard struct{}

// MemberNews tells a group what has become of one of its servers, and which addresses it has.
type MemberNews struct {
	Server  schemas.ServerID
	On      schemas.Trigger
	Cluster schemas.ClusterID
	Public  []string
	Shared  []string
}

// GroupGone tells a server that the group it is in was deleted.
type GroupGone struct{ Group schemas.GroupID }

// GroupPinned tells a server that is being placed where its group is from now on.
type GroupPinned struct {
	Group   schemas.GroupID
	Cluster schemas.ClusterID
}

// WhereIs asks a server on behalf of one of its images where it runs; HomeIs answers it.
type WhereIs struct{ Image schemas.ImageID }

// HomeIs tells an image where the server runs that it was made from: an image follows its server.
type HomeIs struct{ Place schemas.Placement }

// HostChanged tells a cluster that one of its hosts is up, lost or fenced.
type HostChanged struct {
	Host   schemas.Host
	Change int64
}

// Wake tells an actor that one of its timers is due.
type Wake struct{}

// MayOpen tells whether an actor that is told m may begin an operation that nobody asked for: it needs an id.
func MayOpen(m any) bool {
	switch m.(type) {
	case Wake, Discard, Poison, *schemas.HostNotice, *schemas.Outcome:
		return true
	default:
		return false
	}
}

// Resume tells an actor, after its shard was claimed, to ask again for what it waits for.
type Resume struct{}

// Poison tells an actor that a message made its decision fail twice by a defect: what it waits for is given up.
type Poison struct{ Reason string }
