package schemas

// Account is the state of an account actor: what its tenant may use and what is used.
type Account struct {
	V           int       `json:"v"`
	ID          AccountID `json:"id"`
	Name        string    `json:"name"`
	RAMLimitMiB int64     `json:"ram_limit"` // of all its servers together
	// UsedRAMMiB is what admitted servers hold; Pending is what undecided operations hold.
	UsedRAMMiB int64                 `json:"used_ram"`
	Servers    int64                 `json:"servers"`
	Groups     int64                 `json:"groups,omitempty"`
	Pending    map[OperationID]Quota `json:"pending,omitempty"`
}

// HeldRAMMiB is what the account's servers have and undecided operations hold.
func (a *Account) HeldRAMMiB() int64 {
	held := a.UsedRAMMiB
	for _, q := range a.Pending {
		held += q.RAMMiB
	}
	return held
}

// DefaultRAMLimitMiB is how much RAM the servers of a new account may have together.
// Source: API guide v1.0, "Absolute Limits" (maxTotalRAMSize).
const DefaultRAMLimitMiB = 51200

// Quota is what an operation takes from its account.
type Quota struct {
	RAMMiB  int64 `json:"ram"`
	Servers int64 `json:"servers"`
	Groups  int64 `json:"groups,omitempty"`
}
