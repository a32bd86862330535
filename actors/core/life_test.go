package core

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Tenants who do everything at any time, and a world where everything goes wrong now and then: the laws hold
// whenever it is quiet. Each life is known by its seed; OZONE_LIVES sets how many there are.
func TestLawsHoldInAnyLife(t *testing.T) {
	t.Parallel()
	lives := 250
	if n, err := strconv.Atoi(os.Getenv("OZONE_LIVES")); err == nil {
		lives = n
	}
	for seed := range lives {
		live(t, uint64(seed), 40)
		if t.Failed() {
			return
		}
	}
}

// live is one life of a number of rounds.
func live(t *testing.T, seed uint64, rounds int) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1))
	w := newCloud(t, 3)
	w.name = fmt.Sprintf("life %d", seed)
	w.limit(8192)
	w.addCluster(2)
	w.addHost(2, 4096)
	w.addHost(2, 4096)
	w.fault = func(p point) action {
		if dice.IntN(25) > 0 {
			return pass
		}
		list := strikes[p.kind]
		return list[dice.IntN(len(list))].action
	}
	w.slow = func() time.Duration { return time.Duration(dice.IntN(40)) * time.Second }
	w.sick = func(int) string { return []string{"", "", "", "connection refused"}[dice.IntN(4)] }
	fences := 0
	for range rounds {
		w.randomCommand(dice)
		switch dice.IntN(12) {
		case 0:
			w.pass(time.Duration(dice.IntN(3600)) * time.Second)
		case 1, 2, 3, 7, 8:
			w.pass(time.Duration(dice.IntN(30)) * time.Second)
		case 4:
			w.endSilence(dice, &fences)
		case 5:
			fault := w.fault
			w.fault = nil
			w.settle()
			w.laws()
			w.fault = fault
		case 6:
			if fences++; fences <= 2 {
				w.fence(schemas.HostID(1 + dice.IntN(len(w.machines))))
			}
		}
		if t.Failed() {
			return
		}
	}
	w.fault = nil
	for len(w.silent) > 0 {
		w.endSilence(dice, &fences)
	}
	for _, id := range sortedKeys(w.machines) {
		w.comeBack(id)
	}
	w.settle()
	w.laws()
	w.deleteAll()
}

// endSilence lets silent hosts return; a strike's wish to fence them counts only now and then.
func (w *cloud) endSilence(dice *rand.Rand, fences *int) {
	for _, id := range sortedKeys(w.machines) {
		if m := w.machines[id]; m.alive || m.off {
			continue
		}
		if dice.IntN(3) == 0 && *fences < 2 {
			*fences++
			w.fence(id)
			continue
		}
		w.comeBack(id)
	}
	w.silent = nil
}

func (w *cloud) randomCommand(dice *rand.Rand) {
	servers, images := w.servers(), w.images()
	if len(servers) == 0 || dice.IntN(6) == 0 {
		image := schemas.ImageID(1 + dice.IntN(2))
		if len(images) > 0 && dice.IntN(3) == 0 {
			image = images[dice.IntN(len(images))].ID
		}
		w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: schemas.FlavorID(1 + dice.IntN(4)), Image: image})
		return
	}
	s := servers[dice.IntN(len(servers))].ID
	switch dice.IntN(19) {
	case 0:
		w.order(schemas.ServerDelete, int64(s), schemas.Params{Force: dice.IntN(2) == 0})
	case 1:
		w.order(schemas.ServerUpdate, int64(s), schemas.Params{Name: new("n" + strconv.Itoa(dice.IntN(9)))})
	case 2:
		w.order(schemas.ServerUpdate, int64(s), schemas.Params{Password: true})
	case 3:
		w.order(schemas.ServerReboot, int64(s), schemas.Params{})
	case 4:
		w.order(schemas.ServerReboot, int64(s), schemas.Params{Hard: true})
	case 5:
		w.order(schemas.ServerRebuild, int64(s), schemas.Params{Image: schemas.ImageID(dice.IntN(3))})
	case 6, 7:
		p := schemas.Params{Flavor: schemas.FlavorID(1 + dice.IntN(5))}
		if dice.IntN(2) == 0 {
			p.Probe = shortProbe(time.Duration(dice.IntN(20)) * time.Second)
		}
		w.order(schemas.ServerResize, int64(s), p)
	case 8:
		w.order(schemas.ServerResizeConfirm, int64(s), schemas.Params{})
	case 9:
		w.order(schemas.ServerResizeRevert, int64(s), schemas.Params{})
	case 10:
		w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
	case 11:
		if len(images) > 0 {
			w.order(schemas.ImageDelete, int64(images[dice.IntN(len(images))].ID), schemas.Params{})
		}
	case 12, 13:
		w.order(schemas.BackupSet, int64(s), schemas.Params{Backups: anySchedule(dice)})
	case 14:
		w.order(schemas.BackupDisable, int64(s), schemas.Params{})
	case 15, 16, 17: // one of the latest, most likely under way
		recent := w.rows.order[max(0, len(w.rows.order)-4):]
		w.order(schemas.OperationCancel, 0, schemas.Params{Operation: recent[dice.IntN(len(recent))]})
	default:
		operator := []schemas.Action{schemas.ServerSuspend, schemas.ServerResume, schemas.ServerRescue, schemas.ServerUnrescue}
		w.order(operator[dice.IntN(len(operator))], int64(s), schemas.Params{})
	}
}
