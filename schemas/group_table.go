package schemas

// The triggers of groups and of their members.
const (
	OnLaunch    Trigger = "launch"    // a server is to be created in the group
	OnJoin      Trigger = "join"      // a server that is there becomes the first member
	OnHolds     Trigger = "holds"     // a member's addresses are others than before
	OnGone      Trigger = "gone"      // no host answers on a member's addresses any more
	OnDissolved Trigger = "dissolved" // the group was deleted
)

// GroupTransition is one row of a group's state table.
type GroupTransition struct {
	From GroupStatus
	On   Trigger
	To   GroupStatus
}

// GroupTable is the life of a shared IP group. A command that is not in it finds no group.
func GroupTable() []GroupTransition { return groupTable }

var groupTable = []GroupTransition{
	{"", OnCreate, GroupActive},
	{GroupActive, OnLaunch, GroupActive},
	{GroupActive, OnShare, GroupActive},
	{GroupActive, OnDelete, GroupDeleted},
}

// MemberTransition is one row of the table of a group's members.
type MemberTransition struct {
	From MemberState
	On   Trigger
	To   MemberState
}

// MemberTable is how servers come into a group and leave it. News that is not in it changes nothing.
func MemberTable() []MemberTransition { return memberTable }

var memberTable = []MemberTransition{
	{MemberNone, OnJoin, MemberLive},
	{MemberNone, OnLaunch, MemberLaunching},
	{MemberLaunching, OnAllocated, MemberLive},
	{MemberLaunching, OnRefused, MemberNone},
	{MemberLaunching, OnDissolved, MemberNone},
	{MemberLive, OnHolds, MemberLive},
	{MemberLive, OnDelete, MemberLeaving},
	{MemberLive, OnDissolved, MemberNone},
	{MemberLeaving, OnGone, MemberNone},
}
