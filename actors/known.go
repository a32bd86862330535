package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// clockSlack is how far an edge's clock may be from this node's. Source: docs/numbers.md.
const clockSlack = time.Second

// knownRows is what the store knows of a command that may be a repetition.
type knownRows struct {
	same  storage.OperationRow
	key   storage.Key
	prior storage.OperationRow // the key's operation
}

// keyID names an idempotency key: two accounts may use the same one.
type keyID struct {
	account schemas.AccountID
	hash    string
}

func keyOf(k *storage.Key) keyID { return keyID{k.Account, string(k.Hash)} }

// recall finds out whether a command repeats an earlier one: in memory what is not committed, else in the store.
func (s *shard) recall(ctx actor.Context, i item, c *schemas.Command) {
	known := &s.turn.admit.Known
	if o := s.ops[c.ID]; o != nil {
		known.Same, known.Open = o.row.Answer, o.row.Answer == nil
		s.route(ctx)
		return
	}
	if key, ok := s.keys[keyID{c.Account, string(c.Key)}]; ok && s.ops[key.Operation] != nil {
		s.knowKey(key, s.ops[key.Operation].row)
		s.route(ctx)
		return
	}
	if !s.mayRepeat(i, c) {
		s.route(ctx)
		return
	}
	s.readKnown(ctx, c)
}

// mayRepeat tells whether the store may know a command. Of those that were made since the claim and have no key the
// shard itself remembers the ids until they expire: a read for each would cost more than all the rest of its turn.
func (s *shard) mayRepeat(i item, c *schemas.Command) bool {
	_, seen := s.seen[c.ID]
	again := i.arrived.again || i.arrived.delivery.Redeliveries > 0
	past := c.Created.Before(s.claimedAt.Add(clockSlack)) || !c.Expires.After(s.turn.now)
	if !past {
		s.seen[c.ID] = c.Expires
	}
	return seen || again || past || len(c.Key) > 0
}

// forgetSeen drops the ids of commands that have expired: a repetition of one is looked up.
func (s *shard) forgetSeen(now time.Time) {
	for id, until := range s.seen {
		if !until.After(now) {
			delete(s.seen, id)
		}
	}
}

func (s *shard) readKnown(ctx actor.Context, c *schemas.Command) {
	e, self, gen, id := s.engine, ctx.Self(), s.generation, s.turn.id
	e.loader.do(func(background context.Context) {
		known, err := readKnown(background, e.cfg.Store, c)
		e.system.Root.Send(self, loaded{generation: gen, turn: id, known: known, err: err})
	})
}

func readKnown(ctx context.Context, store Store, c *schemas.Command) (*knownRows, error) {
	same, key, err := store.Known(ctx, c.Account, c.ID, c.Key)
	if err != nil {
		return nil, err
	}
	k := &knownRows{same: same, key: key}
	if key.Operation != "" {
		k.prior, err = store.Operation(ctx, c.Account, key.Operation)
		if errors.Is(err, storage.ErrNotFound) { // the operation was forgotten before its key
			k.key, err = storage.Key{}, nil
		}
	}
	return k, err
}

// knew adds what the store knows of the turn's command.
func (s *shard) knew(k *knownRows) {
	known := &s.turn.admit.Known
	if k.same.ID != "" {
		known.Same, known.Open = k.same.Answer, k.same.Answer == nil
	}
	if k.key.Operation != "" {
		s.knowKey(k.key, k.prior)
	}
}

func (s *shard) knowKey(key storage.Key, prior storage.OperationRow) {
	k := &s.turn.admit.Known
	k.KeyOperation, k.KeyDigest, k.KeyAnswer = key.Operation, key.Digest, prior.Answer
}
