//go:build !planted

package postgres

import "github.com/ozonecloud/ozone/schemas"

// fence is where a build with the tag planted has a defect, so that the tests can show that they would find it.
// A release has none: see planted_on.go.
func fence(shards []schemas.Shard) string { return fenceApart(shards) }
