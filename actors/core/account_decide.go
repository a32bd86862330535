package core

import (
	"bytes"
	"maps"

	"github.com/ozonecloud/ozone/schemas"
)

// DecideAccount is the first actor that every command of a tenant meets: it knows repetitions,
// holds quotas and sends the command on.
func DecideAccount(s schemas.Account, m any, in Input) (schemas.Account, Effects, error) {
	var e Effects
	switch m := m.(type) {
	case *Admit:
		return admitToAccount(s, m, in)
	case Reserve:
		return reserve(s, m)
	case Settle:
		return settle(s, m), Effects{Save: true}, nil
	default:
		return s, e, nil // a timer or a resume: an account waits for nothing
	}
}

// admitToAccount answers what is known, refuses what comes too late and takes a create's quota.
func admitToAccount(s schemas.Account, a *Admit, in Input) (schemas.Account, Effects, error) {
	var e Effects
	c := a.Command
	if answer, known := a.known(); known {
		if answer != nil {
			e.Answers = append(e.Answers, *answer)
		}
		return s, e, nil
	}
	if s.ID == 0 {
		e.refuse(a, schemas.Errorf(schemas.KindNotFound, "account not found"))
		return s, e, nil
	}
	if a.Known.KeyOperation != "" && !a.Known.forgotten() {
		e.refuse(a, schemas.ErrKeyUsed.Because("operation %s has it", a.Known.KeyOperation))
		e.Keys = nil // the key stays with the first command
		return s, e, nil
	}
	if !c.Expires.IsZero() && in.Now.After(c.Expires) {
		a.Expired = true
		e.refuse(a, expired())
		return s, e, nil
	}
	switch c.Action {
	case schemas.ServerCreate:
		return admitCreate(s, a, in)
	case schemas.SharedIPGroupCreate:
		return admitGroup(s, a)
	case schemas.SharedIPGroupDelete:
		e.tell(schemas.GroupID(c.Target).Ref(), a)
	case schemas.ImageDelete:
		if in.Rules.BaseImages[schemas.ImageID(c.Target)] {
			e.refuse(a, schemas.Errorf(schemas.KindInvalid, "image %d belongs to the cloud", c.Target).Named(schemas.FaultCloudServers))
			return s, e, nil
		}
		e.tell(schemas.ImageID(c.Target).Ref(), a)
	case schemas.OperationCancel:
		if a.Subject.Kind != schemas.ActorServer && a.Subject.Kind != schemas.ActorImage {
			e.refuse(a, notUnderWay())
			return s, e, nil
		}
		e.tell(a.Subject, a)
	case schemas.ServerImage:
		e.tell(c.Params.Server.Ref(), a)
	default:
		e.tell(schemas.ServerID(c.Target).Ref(), a)
	}
	return s, e, nil
}

// known finds the answer to a repetition; known with a nil answer means that the first is still undecided.
func (a *Admit) known() (*Decision, bool) {
	k := a.Known
	switch {
	case k.Same != nil:
		return &Decision{Answer: *k.Same}, true
	case k.Open:
		return nil, true
	case k.KeyOperation == "" || k.forgotten() || !bytes.Equal(k.KeyDigest, a.Command.Digest):
		return nil, false
	case k.KeyAnswer == nil:
		return nil, true
	}
	answer := *k.KeyAnswer
	answer.Repeated = true
	return &Decision{Answer: answer}, true
}

// forgotten tells whether the key's operation was refused for a reason that passes: the key is free again.
func (k Known) forgotten() bool {
	return k.KeyAnswer != nil && k.KeyAnswer.Fault != nil && !keeps(k.KeyAnswer.Fault)
}

// admitCreate holds RAM for a new server and sends the command to its image or straight to the server.
func admitCreate(s schemas.Account, a *Admit, in Input) (schemas.Account, Effects, error) {
	var e Effects
	c := a.Command
	flavor, ok := in.Rules.Flavors[c.Params.Flavor]
	if !ok {
		e.refuse(a, unknownFlavor(c.Params.Flavor))
		return s, e, nil
	}
	if err := overLimit(s, flavor.RAMMiB); err != nil {
		e.refuse(a, err)
		return s, e, nil
	}
	s = hold(s, c.ID, schemas.Quota{RAMMiB: flavor.RAMMiB, Servers: 1})
	e.Save = true
	a.Holds = true
	a.Imaged = in.Rules.BaseImages[c.Params.Image]
	if a.Imaged {
		e.tell(a.afterImage(), a)
		return s, e, nil
	}
	e.tell(c.Params.Image.Ref(), a)
	return s, e, nil
}

// admitGroup counts a new group and sends the command to its first server or straight to the group.
func admitGroup(s schemas.Account, a *Admit) (schemas.Account, Effects, error) {
	var e Effects
	c := a.Command
	count := s.Groups
	for _, q := range s.Pending {
		count += q.Groups
	}
	if count >= schemas.MaxGroups {
		e.refuse(a, schemas.Errorf(schemas.KindLimit, "maxIPGroups of %d would be exceeded", schemas.MaxGroups))
		return s, e, nil
	}
	e.Save = true
	a.Holds = true
	if c.Params.Server != 0 {
		e.tell(c.Params.Server.Ref(), a)
	} else {
		e.tell(a.NewGroup.Ref(), a)
	}
	return hold(s, c.ID, schemas.Quota{Groups: 1}), e, nil
}

// reserve holds what a resize needs beyond what the server has.
func reserve(s schemas.Account, m Reserve) (schemas.Account, Effects, error) {
	var e Effects
	if err := overLimit(s, m.RAMMiB); err != nil {
		e.refuse(m.Admit, err)
		return s, e, nil
	}
	a := *m.Admit
	a.Holds, a.Granted = true, true
	e.Save = true
	e.tell(schemas.ServerID(a.Command.Target).Ref(), &a)
	return hold(s, a.Command.ID, schemas.Quota{RAMMiB: m.RAMMiB}), e, nil
}

// settle is harmless when it comes twice: the second finds nothing held, and Free comes once by construction of the turn.
func settle(s schemas.Account, m Settle) schemas.Account {
	if held, ok := s.Pending[m.Operation]; ok {
		s.Pending = maps.Clone(s.Pending)
		delete(s.Pending, m.Operation)
		if m.Keep {
			s.UsedRAMMiB += held.RAMMiB
			s.Servers += held.Servers
			s.Groups += held.Groups
		}
	}
	s.UsedRAMMiB -= m.Free.RAMMiB
	s.Servers -= m.Free.Servers
	s.Groups -= m.Free.Groups
	return s
}

func hold(s schemas.Account, op schemas.OperationID, q schemas.Quota) schemas.Account {
	s.Pending = maps.Clone(s.Pending)
	if s.Pending == nil {
		s.Pending = make(map[schemas.OperationID]schemas.Quota, 1)
	}
	s.Pending[op] = q
	return s
}

// overLimit tells why the account may not have more RAM; what undecided operations hold counts.
func overLimit(s schemas.Account, more int64) *schemas.Error {
	used := s.HeldRAMMiB()
	if s.RAMLimitMiB == 0 || more <= 0 || used+more <= s.RAMLimitMiB { // the limit may have been lowered below what is used
		return nil
	}
	return schemas.Errorf(schemas.KindLimit, "maxTotalRAMSize of %d MB would be exceeded", s.RAMLimitMiB).
		Because("in use: %d MB; asked for: %d MB", used, more)
}

func unknownFlavor(id schemas.FlavorID) *schemas.Error {
	return schemas.Errorf(schemas.KindNotFound, "flavor %d not found", int64(id))
}

func expired() *schemas.Error {
	return schemas.Errorf(schemas.KindUnavailable, "the request was not decided in time and has been given up").After(retryAfter)
}
