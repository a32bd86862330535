package sqlstore

import "github.com/ozonecloud/ozone/schemas"

// snapshotTable is the table of a kind's snapshots.
var snapshotTable = map[schemas.ActorKind]string{
	schemas.ActorAccount: "account",
	schemas.ActorImage:   "image",
	schemas.ActorGroup:   "shared_ip_group",
	schemas.ActorServer:  "server",
	schemas.ActorHost:    "host",
	schemas.ActorCluster: "cluster",
}

// putSnapshot writes a kind's snapshots, over a lower version only: behind the fence the second net.
var putSnapshot = perKind(func(table string) *Write {
	return &Write{
		Table: table,
		Columns: []Column{
			{"id", Int},
			{"account", Int},
			{"shard", Int},
			{"epoch", Int},
			{"version", Int},
			{"v", Int},
			{"name", Text},
			{"parent", Int},
			{"status", Text},
			{"state", Text},
			{"rendered", Text},
			{"created", Int},
			{"updated", Int},
			{"wake_at", Int},
		},
		Conflict: `ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version,
			v = excluded.v, name = excluded.name, status = excluded.status, state = excluded.state,
			rendered = excluded.rendered, updated = excluded.updated, wake_at = excluded.wake_at
			WHERE ` + table + `.version < excluded.version AND ` + table + `.account = excluded.account`,
		Refused: "the stored snapshot has this version or a later one, or another account",
	}
})

var removeSnapshot = perKind(func(table string) *Write {
	return &Write{Table: table, Columns: []Column{{"id", Int}}, Action: Delete}
})

func perKind(w func(table string) *Write) map[schemas.ActorKind]*Write {
	byKind := make(map[schemas.ActorKind]*Write, len(snapshotTable))
	for kind, table := range snapshotTable {
		byKind[kind] = w(table)
	}
	return byKind
}

// A host that reports less than is reserved on it keeps what is reserved as its limit: nothing new fits.
var putHostCapacity = &Write{
	Table:   "host_load",
	Columns: []Column{{"host", Int}, {"ram", Int}, {"disk", Int}, {"ram_used", Int}, {"disk_used", Int}},
	Conflict: `ON CONFLICT (host) DO UPDATE SET
		ram = CASE WHEN excluded.ram < host_load.ram_used THEN host_load.ram_used ELSE excluded.ram END,
		disk = CASE WHEN excluded.disk < host_load.disk_used THEN host_load.disk_used ELSE excluded.disk END`,
}

// addHostLoad adds to what a host holds. The table's constraint is what makes an overcommit impossible.
var addHostLoad = &Write{
	Table:   "host_load",
	Columns: []Column{{"host", Int}, {"ram_used", Int}, {"disk_used", Int}},
	Action:  Add,
	Refused: "no row names the host",
}

var putReservation = &Write{
	Table: "reservation",
	Columns: []Column{
		{"server", Int},
		{"copy", Int},
		{"cluster", Int},
		{"host", Int},
		{"account", Int},
		{"operation", Text},
		{"ram", Int},
		{"disk", Int},
		{"released", Int},
		{"updated", Int},
	},
	Conflict: `ON CONFLICT (server, copy) DO UPDATE SET cluster = excluded.cluster, host = excluded.host,
		account = excluded.account, operation = excluded.operation, ram = excluded.ram, disk = excluded.disk,
		released = excluded.released, updated = excluded.updated`,
}

var putAddress = &Write{
	Table:   "address",
	Columns: []Column{{"ip", Text}, {"cluster", Int}, {"public", Int}, {"server", Int}, {"free_at", Int}},
	Conflict: `ON CONFLICT (ip) DO UPDATE SET cluster = excluded.cluster, public = excluded.public,
		server = excluded.server, free_at = excluded.free_at`,
}

// putOperation writes operations that go on, putEnded those that have ended: only the end changes
// the column that the index of unfinished operations hangs on, and an index costs as much as a row.
var (
	putOperation = operationWrite("payload = COALESCE(excluded.payload, operation.payload), ")
	putEnded     = operationWrite("payload = NULL, unfinished = excluded.unfinished, ")
)

func operationWrite(set string) *Write {
	return &Write{
		Table: "operation",
		Columns: []Column{
			{"id", Text},
			{"account", Int},
			{"shard", Int},
			{"unfinished", Int},
			{"action", Text},
			{"state", Text},
			{"target_kind", Text},
			{"target_id", Int},
			{"created", Int},
			{"updated", Int},
			{"reply_to", Text},
			{"doc", Text},
			{"answer", Text},
			{"payload", Bytes},
		},
		Conflict: `ON CONFLICT (account, id) DO UPDATE SET ` + set + `state = excluded.state,
			target_kind = excluded.target_kind, target_id = excluded.target_id, updated = excluded.updated,
			reply_to = excluded.reply_to, doc = excluded.doc, answer = COALESCE(excluded.answer, operation.answer)
			WHERE operation.unfinished = 1 OR excluded.unfinished = 0`,
		Refused: "the operation has ended",
	}
}

// An expired key is as good as none, and so is one whose command was refused.
var putKey = &Write{
	Table: "idempotency",
	Columns: []Column{
		{"account", Int},
		{"hash", Bytes},
		{"operation", Text},
		{"digest", Bytes},
		{"created", Int},
		{"expires", Int},
	},
	Conflict: `ON CONFLICT (account, hash) DO UPDATE SET operation = excluded.operation, digest = excluded.digest,
		created = excluded.created, expires = excluded.expires
		WHERE idempotency.expires <= excluded.created`,
	OrRefused: true,
	Refused:   "the idempotency key is in use",
}

var putEvent = &Write{
	Table: "event",
	Columns: []Column{
		{"kind", Text},
		{"source", Int},
		{"sequence", Int},
		{"account", Int},
		{"shard", Int},
		{"type", Text},
		{"time", Int},
		{"body", Text},
	},
}

var putOutbox = &Write{
	Table: "outbox",
	Columns: []Column{
		{"shard", Int},
		{"id", Text},
		{"to_shard", Int},
		{"type", Text},
		{"created", Int},
		{"body", Text},
	},
	Conflict: `ON CONFLICT (shard, id) DO UPDATE SET to_shard = excluded.to_shard, type = excluded.type,
		created = excluded.created, body = excluded.body`,
}

var removeOutbox = &Write{Table: "outbox", Columns: []Column{{"shard", Int}, {"id", Text}}, Action: Delete}

var removeSuspect = &Write{Table: "suspect", Columns: []Column{{"shard", Int}, {"id", Text}}, Action: Delete}

// A block is used up forward only, and never beyond its end.
var putIDs = &Write{
	Table:   "id_block",
	Columns: []Column{{"shard", Int}, {"kind", Text}, {"next", Int}, {"upto", Int}},
	Conflict: `ON CONFLICT (shard, kind) DO UPDATE SET next = excluded.next
		WHERE id_block.next <= excluded.next AND excluded.next <= id_block.upto`,
}

// putSentEvents is no part of a commit.
var putSentEvents = &Write{
	Table: "event_sent", Columns: []Column{{"account", Int}, {"upto", Text}},
	Conflict: `ON CONFLICT (account) DO UPDATE SET upto = excluded.upto`,
}

// allWrites lists every Write.
func allWrites() []*Write {
	writes := []*Write{
		putHostCapacity, addHostLoad, putReservation, putAddress, putOperation, putEnded, putKey, putEvent, putSentEvents,
		putOutbox, removeOutbox, removeSuspect, putIDs,
	}
	for _, kind := range schemas.ActorKinds() {
		writes = append(writes, putSnapshot[kind], removeSnapshot[kind])
	}
	return writes
}
