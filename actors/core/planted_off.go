//go:build !planted

package core

import "github.com/ozonecloud/ozone/schemas"

// forgets is where a build with the tag planted has a defect, so that the tests can show that they would find it.
// A release has none: see planted_on.go.
func forgets(schemas.BackupSlot) bool { return false }
