package core

import (
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// edgeKey is one cell of the state table.
type edgeKey struct {
	from schemas.Status
	on   schemas.Trigger
}

var (
	serverEdges    = indexTable(schemas.ServerTable())
	serverRefusals = indexRefusals(schemas.ServerRefusals())
	imageEdges     = indexImages(schemas.ImageTable())
	groupEdges     = indexGroups(schemas.GroupTable())
	memberEdges    = indexMembers(schemas.MemberTable())
)

func indexTable(rows []schemas.Transition) map[edgeKey]schemas.Status {
	m := make(map[edgeKey]schemas.Status, len(rows))
	for _, r := range rows {
		m[edgeKey{r.From, r.On}] = r.To
	}
	return m
}

func indexRefusals(rows []schemas.Refusal) map[edgeKey]schemas.Refusal {
	m := make(map[edgeKey]schemas.Refusal)
	for _, r := range rows {
		for _, in := range r.In {
			for _, on := range r.On {
				m[edgeKey{in, on}] = r
			}
		}
	}
	return m
}

func indexImages(rows []schemas.ImageTransition) map[schemas.ImageStatus]map[schemas.Trigger]schemas.ImageStatus {
	m := make(map[schemas.ImageStatus]map[schemas.Trigger]schemas.ImageStatus)
	for _, r := range rows {
		if m[r.From] == nil {
			m[r.From] = make(map[schemas.Trigger]schemas.ImageStatus)
		}
		m[r.From][r.On] = r.To
	}
	return m
}

func indexGroups(rows []schemas.GroupTransition) map[schemas.GroupStatus]map[schemas.Trigger]schemas.GroupStatus {
	m := make(map[schemas.GroupStatus]map[schemas.Trigger]schemas.GroupStatus)
	for _, r := range rows {
		if m[r.From] == nil {
			m[r.From] = make(map[schemas.Trigger]schemas.GroupStatus)
		}
		m[r.From][r.On] = r.To
	}
	return m
}

func indexMembers(rows []schemas.MemberTransition) map[schemas.MemberState]map[schemas.Trigger]schemas.MemberState {
	m := make(map[schemas.MemberState]map[schemas.Trigger]schemas.MemberState)
	for _, r := range rows {
		if m[r.From] == nil {
			m[r.From] = make(map[schemas.Trigger]schemas.MemberState)
		}
		m[r.From][r.On] = r.To
	}
	return m
}

// next is the status that a trigger leads to, or the refusal of the admission matrix.
func next(s *schemas.Server, on schemas.Trigger) (schemas.Status, *schemas.Error) {
	to, ok := serverEdges[edgeKey{s.Status, on}]
	if !ok {
		return s.Status, refusal(serverRefusals[edgeKey{s.Status, on}], s.Status, on)
	}
	for _, o := range overlays(s) {
		r := schemas.OverlayRefusals()[o]
		if covers(r, s.Status, on) {
			return s.Status, refusal(r, s.Status, on).Because("%s", overlayText[o])
		}
	}
	if to == schemas.StatusFormer {
		to = former(s)
	}
	return to, nil
}

// former is the resting status that a server goes back to.
func former(s *schemas.Server) schemas.Status {
	if s.Former == "" {
		return schemas.StatusActive
	}
	return s.Former
}

// overlays are the conditions beside the status that hold for s.
func overlays(s *schemas.Server) []schemas.Overlay {
	var list []schemas.Overlay
	if s.Imaging != nil {
		list = append(list, schemas.OverlayImaging)
	}
	if mayRunElsewhere(s) {
		list = append(list, schemas.OverlayWaiting)
	}
	return list
}

// mayRunElsewhere tells whether a silent host may still run a copy of s, so that no other may be powered on.
func mayRunElsewhere(s *schemas.Server) bool {
	if s.Unsettled != nil || s.Home.Gone {
		return true
	}
	for _, c := range s.Cleanups {
		if c.Step == schemas.StepStop {
			return true
		}
	}
	return false
}

var overlayText = map[schemas.Overlay]string{
	schemas.OverlayImaging: "an image of it is being made",
	schemas.OverlayWaiting: "its host does not answer; it can be deleted",
}

func covers(r schemas.Refusal, in schemas.Status, on schemas.Trigger) bool {
	return (len(r.In) == 0 || slices.Contains(r.In, in)) && slices.Contains(r.On, on)
}

// refusal is the fault of one cell of the matrix. A cell that neither table has is a plain conflict.
func refusal(r schemas.Refusal, in schemas.Status, on schemas.Trigger) *schemas.Error {
	if r.Fault == "" {
		r.Kind, r.Fault = schemas.KindConflict, schemas.FaultCloudServers
	}
	return schemas.Errorf(r.Kind, "cannot %s: server is %s", on, in).Named(r.Fault)
}
