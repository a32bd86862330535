package core

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// tables are all rows that say how servers and images live, flat, so that each can be left out.
type tables struct {
	server   []schemas.Transition
	refusals []refusalRow
	overlays []overlayRow
	images   []schemas.ImageTransition
	groups   []schemas.GroupTransition
	members  []schemas.MemberTransition
	plans    []planStep
	teardown map[schemas.StepName]time.Duration
	waits    map[string]time.Duration
}

// refusalRow is one cell of the refusals.
type refusalRow struct {
	in    schemas.Status
	on    schemas.Trigger
	fault schemas.Fault
}

// overlayRow is one cell that a condition beside the status takes back; in is "" for every status.
type overlayRow struct {
	overlay schemas.Overlay
	in      schemas.Status
	on      schemas.Trigger
	fault   schemas.Fault
}

// The waits that are no steps.
const (
	waitAdmission = "admission" // for the cluster
	waitConfirm   = "confirm"   // for the tenant in VERIFY_RESIZE
	waitRetry     = "retry"     // of a teardown that a host refused
	waitWindow    = "window"    // of a backup, for a status in which an image can be made
	waitProbe     = "probe"     // for the next one
)

// realTables are the tables that the decisions use.
func realTables() tables {
	t := tables{
		server: schemas.ServerTable(), images: schemas.ImageTable(), groups: schemas.GroupTable(), members: schemas.MemberTable(), plans: plans, teardown: cleanupTimeouts,
		waits: map[string]time.Duration{waitAdmission: 30 * time.Second, waitConfirm: 24 * time.Hour, waitRetry: 10 * time.Second, waitWindow: schemas.BackupLength, waitProbe: probeEvery},
	}
	for _, r := range schemas.ServerRefusals() {
		for _, in := range r.In {
			for _, on := range r.On {
				t.refusals = append(t.refusals, refusalRow{in, on, r.Fault})
			}
		}
	}
	for _, o := range []schemas.Overlay{schemas.OverlayImaging, schemas.OverlayWaiting} {
		r := schemas.OverlayRefusals()[o]
		in := r.In
		if len(in) == 0 {
			in = []schemas.Status{""}
		}
		for _, s := range in {
			for _, on := range r.On {
				t.overlays = append(t.overlays, overlayRow{o, s, on, r.Fault})
			}
		}
	}
	return t
}

// emitted are the statuses that a server may have.
var emitted = []schemas.Status{
	schemas.StatusBuild, schemas.StatusActive, schemas.StatusRebuild, schemas.StatusSuspended, schemas.StatusQueueResize, schemas.StatusPrepResize,
	schemas.StatusShareIP, schemas.StatusShareIPNoConfig, schemas.StatusDeleteIP,
	schemas.StatusResize, schemas.StatusVerifyResize, schemas.StatusPassword, schemas.StatusReboot, schemas.StatusHardReboot, schemas.StatusRescue,
	schemas.StatusError, schemas.StatusUnknown,
}

// tenants are the triggers that a tenant's command pulls on a server that is there.
var tenants = []schemas.Trigger{
	schemas.OnRename, schemas.OnPassword, schemas.OnDelete, schemas.OnRebootSoft, schemas.OnRebootHard, schemas.OnRebuild, schemas.OnResize,
	schemas.OnConfirm, schemas.OnRevert, schemas.OnImage, schemas.OnShare, schemas.OnShareSetUp, schemas.OnUnshare, schemas.OnBackups, schemas.OnForce,
	schemas.OnCancel,
}

var operators = []schemas.Trigger{schemas.OnSuspend, schemas.OnResume, schemas.OnRescue, schemas.OnUnrescue}

// begins says which plan an accepted trigger begins.
var begins = map[schemas.Trigger]string{
	schemas.OnPassword: planPassword, schemas.OnRebootSoft: planRebootSoft, schemas.OnRebootHard: planRebootHard,
	schemas.OnRebuild: planRebuild, schemas.OnRevert: planRevert,
	schemas.OnShare: planShare, schemas.OnShareSetUp: planShareSetUp, schemas.OnUnshare: planUnshare,
}

// follows says which plan a granted place begins, by the status that waits for it.
var follows = map[schemas.Status]string{schemas.StatusBuild: planCreate, schemas.StatusQueueResize: planResize}

// undone says which plan takes over when a plan has failed and its status is still a passing one.
var undone = map[schemas.Status]string{schemas.StatusHardReboot: planRebootHard, schemas.StatusResize: planRestore}

// takesOver is the plan that follows one that has failed: what a probe begins is the revert.
func takesOver(failed string, to schemas.Status) string {
	if failed == planProbe {
		return planRevert
	}
	return undone[to]
}

// prover walks every way that the tables leave open and notes where one ends badly.
type prover struct {
	tables
	edges   map[edgeKey]schemas.Status
	stuck   []string
	owned   map[schemas.Status]bool
	visited map[string]bool
}

// prove lists what would be stuck, or worse, by these tables; nothing when they are sound.
func prove(t *tables) []string {
	p := &prover{tables: *t, edges: indexTable(t.server), owned: map[schemas.Status]bool{}, visited: map[string]bool{}}
	for _, r := range t.server {
		switch {
		case r.On == schemas.OnCreate, r.On == schemas.OnResize:
			p.cluster(r.To)
		case begins[r.On] != "":
			p.plan(r.To, begins[r.On])
		}
	}
	for _, s := range emitted {
		switch {
		case !s.Passing():
			p.rests(s)
		case !p.owned[s]:
			p.stuckf("%s has no owner", s)
		}
	}
	p.teardowns()
	p.imageLife()
	p.backups()
	p.groupLife()
	slices.Sort(p.stuck)
	return slices.Compact(p.stuck)
}

func (p *prover) stuckf(format string, args ...any) {
	p.stuck = append(p.stuck, fmt.Sprintf(format, args...))
}

// cluster is the wait for a place.
func (p *prover) cluster(s schemas.Status) {
	p.owned[s] = true
	if p.waits[waitAdmission] == 0 {
		p.stuckf("%s waits for its cluster without a deadline", s)
	}
	if to, ok := p.edges[edgeKey{s, schemas.OnCancel}]; !ok || to.Passing() {
		p.stuckf("%s cannot be cancelled while it waits for its cluster", s)
	}
	if to, ok := p.edges[edgeKey{s, schemas.OnRefused}]; !ok || to.Passing() {
		p.stuckf("%s is stuck when the cluster refuses or is silent", s)
	}
	to, ok := p.edges[edgeKey{s, schemas.OnAllocated}]
	if !ok {
		p.stuckf("%s is stuck when the cluster has a place", s)
		return
	}
	p.plan(to, follows[s])
}

// plan walks a plan's steps, with everything that a host may answer to each.
func (p *prover) plan(s schemas.Status, name string) {
	if p.visited[string(s)+name] {
		return
	}
	p.visited[string(s)+name] = true
	rows := p.rowsOf(name)
	if len(rows) == 0 {
		p.stuckf("%s has no owner: plan %s has no step", s, name)
		return
	}
	if why := p.works(name, rows); why != "" {
		p.stuckf("%s cannot end well: plan %s: %s", s, name, why)
	}
	for i, row := range rows {
		p.owned[s] = true
		if row.Timeout == 0 {
			p.stuckf("%s is stuck when the host is silent: step %s of plan %s has no deadline", s, row.Step, name)
		}
		p.leaves(s, schemas.OnSilent, name, row.Step)
		p.leaves(s, row.Failed, name, row.Step)
		p.recalls(s, rows[:i+1], name)
		if i == len(rows)-1 {
			p.ends(s, row, name)
			return
		}
		if row.Done == "" {
			continue
		}
		to, ok := p.edges[edgeKey{s, row.Done}]
		if !ok {
			p.stuckf("%s is stuck when step %s of plan %s is done", s, row.Step, name)
			return
		}
		s = to
	}
}

// leaves follows a step that was not done.
func (p *prover) leaves(s schemas.Status, on schemas.Trigger, plan string, step schemas.StepName) {
	to, ok := p.edges[edgeKey{s, on}]
	switch {
	case !ok:
		p.stuckf("%s is stuck when step %s of plan %s is %s", s, step, plan, on)
	case !to.Passing():
	case takesOver(plan, to) == "" || takesOver(plan, to) == plan:
		p.stuckf("%s goes to %s and stays there when step %s of plan %s is %s", s, to, step, plan, on)
	default:
		p.plan(to, takesOver(plan, to))
	}
}

// recalls looks that whoever cancels during the last of the rows has a server at rest: deleted, or untouched where it was.
func (p *prover) recalls(s schemas.Status, rows []planStep, plan string) {
	to, ok := p.edges[edgeKey{s, schemas.OnCancel}]
	if !ok || to == schemas.StatusDeleted {
		return
	}
	if to.Passing() {
		p.stuckf("%s goes to %s and stays there when plan %s is cancelled", s, to, plan)
	}
	for _, row := range rows {
		if row.At == atHome && len(stepWork[row.Step].takes) > 0 {
			p.stuckf("%s rests in %s without what step %s of plan %s has taken when it is cancelled", s, to, row.Step, plan)
		}
	}
}

// ends follows the last step of a plan.
func (p *prover) ends(s schemas.Status, row planStep, plan string) {
	to, ok := p.edges[edgeKey{s, row.Done}]
	switch {
	case !ok:
		p.stuckf("%s is stuck when plan %s is done", s, plan)
	case to == schemas.StatusVerifyResize:
		p.owned[to] = true
		if _, ok := p.edges[edgeKey{to, schemas.OnConfirm}]; !ok || p.waits[waitConfirm] == 0 {
			p.stuckf("%s is stuck when the tenant says nothing", to)
		}
		if p.waits[waitProbe] == 0 {
			p.stuckf("%s is stuck between two probes", to)
		}
		p.plan(to, planProbe)
	case to.Passing():
		p.stuckf("%s ends in %s when plan %s is done", s, to, plan)
	}
}

func (p *prover) rowsOf(plan string) []planStep {
	var rows []planStep
	for _, r := range p.plans {
		if r.Plan == plan {
			rows = append(rows, r)
		}
	}
	return rows
}

// rests checks a status in which nobody owes anything.
func (p *prover) rests(s schemas.Status) {
	if to := p.edges[edgeKey{s, schemas.OnDelete}]; to != schemas.StatusDeleted {
		p.stuckf("%s never reaches DELETED", s)
	}
}

// teardowns are repeated until they are confirmed.
func (p *prover) teardowns() {
	for _, step := range []schemas.StepName{schemas.StepStop, schemas.StepWipe, schemas.StepRemove} {
		if p.teardown[step] == 0 {
			p.stuckf("a teardown is stuck when step %s gets no answer", step)
		}
	}
	if p.waits[waitRetry] == 0 {
		p.stuckf("a teardown is stuck when a host refuses it")
	}
}

// backups looks that a slot which is due ends, in an image that ends or in the end of its window, and that the images of
// backups can be deleted.
func (p *prover) backups() {
	if p.waits[waitWindow] == 0 {
		p.stuckf("a backup is stuck when no image can be made")
	}
	if to, ok := p.edges[edgeKey{schemas.StatusActive, schemas.OnImage}]; !ok || to != schemas.StatusActive {
		p.stuckf("no backup is ever made")
	}
	for _, s := range emitted {
		if to, ok := p.edges[edgeKey{s, schemas.OnBackups}]; ok && to != s {
			p.stuckf("a backup schedule moves %s to %s", s, to)
		}
	}
}

// groupLife looks that a group and each of its members can go.
func (p *prover) groupLife() {
	groups, members := indexGroups(p.groups), indexMembers(p.members)
	live := groups[""][schemas.OnCreate]
	if live == "" {
		p.stuckf("no group can be made")
		return
	}
	for _, on := range []schemas.Trigger{schemas.OnLaunch, schemas.OnShare} {
		if groups[live][on] != live {
			p.stuckf("a group takes no %s", on)
		}
	}
	if groups[live][schemas.OnDelete] != schemas.GroupDeleted {
		p.stuckf("a group never reaches DELETED")
	}
	for _, way := range []struct {
		on, then schemas.Trigger
		to       schemas.MemberState
	}{
		{schemas.OnJoin, schemas.OnHolds, schemas.MemberLive},
		{schemas.OnJoin, schemas.OnDelete, schemas.MemberLeaving},
		{schemas.OnJoin, schemas.OnDissolved, schemas.MemberNone},
		{schemas.OnLaunch, schemas.OnAllocated, schemas.MemberLive},
		{schemas.OnLaunch, schemas.OnRefused, schemas.MemberNone},
		{schemas.OnLaunch, schemas.OnDissolved, schemas.MemberNone},
	} {
		if to, ok := members[members[schemas.MemberNone][way.on]][way.then]; !ok || to != way.to {
			p.stuckf("a member by %s is stuck when it is %s", way.on, way.then)
		}
	}
	if to, ok := members[schemas.MemberLeaving][schemas.OnGone]; !ok || to != schemas.MemberNone {
		p.stuckf("a deleted server never leaves its group")
	}
}

// imageLife walks the life of an image.
func (p *prover) imageLife() {
	edges := indexImages(p.images)
	all := []schemas.ImageStatus{schemas.ImageQueued, schemas.ImagePreparing, schemas.ImageSaving, schemas.ImageActive, schemas.ImageFailed}
	for _, s := range all {
		if edges[s][schemas.OnServerGone] != schemas.ImageDeleted {
			p.stuckf("an image in %s outlives its server", s)
		}
	}
	for _, s := range all[:3] {
		if edges[s][schemas.OnCancel] != schemas.ImageFailed {
			p.stuckf("an image in %s cannot be cancelled", s)
		}
	}
	for _, s := range all[3:] {
		if edges[s][schemas.OnDelete] != schemas.ImageDeleted {
			p.stuckf("an image in %s never reaches DELETED", s)
		}
	}
	s, ok := edges[""][schemas.OnCreate]
	if !ok {
		p.stuckf("no image can be made")
		return
	}
	if s, ok = edges[s][schemas.OnPrepared]; !ok {
		p.stuckf("an image is stuck in QUEUED")
		return
	}
	rows := p.rowsOf(planImage)
	if why := p.works(planImage, rows); why != "" {
		p.stuckf("an image cannot end well: %s", why)
	}
	for _, row := range rows {
		if row.Timeout == 0 {
			p.stuckf("an image is stuck in %s when the host is silent: step %s has no deadline", s, row.Step)
		}
		for _, on := range []schemas.Trigger{schemas.OnSilent, row.Failed} {
			if edges[s][on] != schemas.ImageFailed {
				p.stuckf("an image is stuck in %s when step %s is %s", s, row.Step, on)
			}
		}
		to, ok := edges[s][row.Done]
		if !ok {
			p.stuckf("an image is stuck in %s when step %s is done", s, row.Step)
			return
		}
		s = to
	}
	if s != schemas.ImageActive {
		p.stuckf("an image that is saved rests in %s", s)
	}
}

// fact is one thing that is true of a server's copies while a plan runs, like "on@home".
type fact string

// work is what a step needs, gives and takes; "!x" in needs is: x must not be. @ stands for its place, ~ for the other one.
type work struct{ needs, gives, takes []fact }

var stepWork = map[schemas.StepName]work{
	schemas.StepFetchImage:  {gives: []fact{"image"}},
	schemas.StepCreateDisk:  {needs: []fact{"image", "!disk@"}, gives: []fact{"disk@", "latest@", "fresh"}},
	schemas.StepStart:       {needs: []fact{"disk@", "latest@", "!on~"}, gives: []fact{"on@"}},
	schemas.StepStop:        {takes: []fact{"on@"}},
	schemas.StepWipe:        {needs: []fact{"!on@"}, takes: []fact{"disk@", "latest@"}},
	schemas.StepRestartSoft: {needs: []fact{"disk@"}, gives: []fact{"restarted", "on@"}},
	schemas.StepRestartHard: {needs: []fact{"disk@"}, gives: []fact{"restarted", "on@"}},
	schemas.StepSetPassword: {needs: []fact{"on@"}, gives: []fact{"password"}},
	schemas.StepProbe:       {needs: []fact{"on@"}, gives: []fact{"probed"}},
	schemas.StepShareIP:     {needs: []fact{"disk@"}, gives: []fact{"shared"}},
	schemas.StepUnshareIP:   {needs: []fact{"disk@"}, takes: []fact{"shared"}},
	schemas.StepSnapshot:    {needs: []fact{"disk@"}, gives: []fact{"snapshot"}},
	schemas.StepCopy:        {needs: []fact{"snapshot"}, gives: []fact{"disk@"}},
	schemas.StepCopyDelta:   {needs: []fact{"disk@", "!on~"}, gives: []fact{"latest@"}},
	schemas.StepSave:        {needs: []fact{"snapshot"}, gives: []fact{"file"}},
}

// planWork is what is so before a plan, at its worst, and what must be so after it.
var planWork = map[string]struct{ before, after []fact }{
	planCreate:     {nil, []fact{"on@home", "fresh"}},
	planRebootSoft: {[]fact{"disk@home", "latest@home", "on@home"}, []fact{"restarted"}},
	planRebootHard: {[]fact{"disk@home", "latest@home"}, []fact{"restarted"}},
	planPassword:   {[]fact{"disk@home", "latest@home", "on@home"}, []fact{"password"}},
	planRebuild:    {[]fact{"image", "disk@home", "latest@home", "on@home"}, []fact{"on@home", "fresh"}},
	planResize:     {[]fact{"disk@home", "latest@home", "on@home"}, []fact{"on@other", "!on@home"}},
	planRestore:    {[]fact{"disk@home", "latest@home", "on@other"}, []fact{"on@home", "!on@other"}},
	planRevert:     {[]fact{"disk@home", "latest@home", "on@other"}, []fact{"on@home", "!on@other"}},
	planProbe:      {[]fact{"disk@home", "latest@home", "on@home"}, []fact{"probed"}},
	planShare:      {[]fact{"disk@home"}, []fact{"shared"}},
	planShareSetUp: {[]fact{"disk@home"}, []fact{"shared"}},
	planUnshare:    {[]fact{"disk@home", "shared"}, []fact{"!shared"}},
	planImage:      {[]fact{"disk@home", "latest@home", "on@home"}, []fact{"file"}},
}

// works tells why a plan does not do what it is for; "" when it does.
func (p *prover) works(name string, rows []planStep) string {
	now := map[fact]bool{}
	for _, f := range planWork[name].before {
		now[f] = true
	}
	for _, row := range rows {
		w := stepWork[row.Step]
		for _, f := range w.needs {
			if !holds(now, placed(f, row.At)) {
				return fmt.Sprintf("step %s needs %s", row.Step, placed(f, row.At))
			}
		}
		for _, f := range w.takes {
			delete(now, placed(f, row.At))
		}
		for _, f := range w.gives {
			now[placed(f, row.At)] = true
		}
	}
	for _, f := range planWork[name].after {
		if !holds(now, f) {
			return fmt.Sprintf("it ends without %s", f)
		}
	}
	return ""
}

func holds(now map[fact]bool, f fact) bool {
	if not, ok := strings.CutPrefix(string(f), "!"); ok {
		return !now[fact(not)]
	}
	return now[f]
}

func placed(f fact, at place) fact {
	here, there := "home", "other"
	if at == atOther {
		here, there = there, here
	}
	s := string(f)
	if strings.HasSuffix(s, "@") {
		return fact(s + here)
	}
	if before, ok := strings.CutSuffix(s, "~"); ok {
		return fact(before + "@" + there)
	}
	return f
}
