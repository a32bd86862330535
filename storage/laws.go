package storage

// The laws that an audit checks. Source: docs/promises.md, I1, I6, I7, I8.
const (
	// LawCapacity: what is reserved on a host is the sum of its live reservations, never above what it has.
	LawCapacity = "host.capacity"
	// LawQuota: an account uses what its servers hold, and nothing is pending once quiet.
	LawQuota = "account.quota"
	// LawAddresses: an address that a shown server has is held by it, and by nobody else.
	LawAddresses = "address.owner"
	// LawGroups: a shared IP group and its members say the same of one another, and what they share is held for one of them.
	LawGroups = "group.member"
	// LawReservations: a live reservation is a copy that its server names, and the reverse.
	LawReservations = "reservation.owner"
	// LawEvents: the events of a source are numbered 1 to n.
	LawEvents = "event.sequence"
	// LawOutcome: an accepted operation has one terminal event once it has ended, and none before.
	LawOutcome = "operation.outcome"
	// LawKeys: an idempotency key stands for an operation that exists.
	LawKeys = "key.operation"
	// LawQuiet: once no operation is unfinished nothing is in a passing status.
	LawQuiet = "quiet.status"
)

// Laws lists every law, in the order of a report.
func Laws() []string {
	return []string{
		LawCapacity, LawQuota, LawAddresses, LawGroups, LawReservations, LawEvents,
		LawOutcome, LawKeys, LawQuiet,
	}
}
