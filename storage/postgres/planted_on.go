//go:build planted

package postgres

import (
	"os"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// plantFence is a defect that OZONE_PLANT can name. A test must find it; no release has it.
const plantFence = "fence-in-one-statement"

var planted = os.Getenv("OZONE_PLANT")

// fence may lock and read in one statement: what it reads is then from before its wait for the lock.
func fence(shards []schemas.Shard) string {
	if planted == plantFence {
		return "SELECT; " + sqlstore.SelectEpochs + ", (" + lock(shards, false) + ") AS locked"
	}
	return fenceApart(shards)
}
