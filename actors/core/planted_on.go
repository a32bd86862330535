//go:build planted

package core

import (
	"os"

	"github.com/ozonecloud/ozone/schemas"
)

// plantForget is a defect that OZONE_PLANT can name. A test must find it; no release has it.
const plantForget = "backup-skipped"

var planted = os.Getenv("OZONE_PLANT")

// forgets has nobody told that a slot has no backup.
func forgets(schemas.BackupSlot) bool { return planted == plantForget }
