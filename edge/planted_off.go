//go:build !planted

package edge

// plantDefect is where a build with the tag planted has a defect: see planted_on.go. A release has none.
func plantDefect(*Request) {}
