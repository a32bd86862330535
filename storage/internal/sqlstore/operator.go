package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// firstAccount is the lowest number that an account gets by itself.
const firstAccount = 1001

const (
	countUser      = `SELECT count(*) FROM users WHERE name = $1`
	countAccount   = `SELECT count(*) FROM account WHERE id = $1`
	selectNextFree = `SELECT min(taken.id) + 1 FROM
		(SELECT $1 - 1 AS id UNION ALL SELECT id FROM account WHERE id >= $1) AS taken
		WHERE NOT EXISTS (SELECT 1 FROM account WHERE account.id = taken.id + 1)`
	insertUser    = `INSERT INTO users (name, account, generation, created) VALUES ($1, $2, 1, $3)`
	insertKey     = `INSERT INTO api_key (user_name, hash, created) VALUES ($1, $2, $3)`
	selectUsers   = `SELECT name, account FROM users ORDER BY account, name`
	raiseUser     = `UPDATE users SET generation = generation + 1 WHERE name = $1`
	updateKey     = `UPDATE api_key SET hash = $2, created = $3 WHERE user_name = $1`
	endTokens     = `DELETE FROM token WHERE user_name = $1`
	countClusters = `SELECT count(*) FROM cluster`
	putSeal       = `UPDATE store SET seal = $1 WHERE seal = ''`
	selectSeal    = `SELECT seal FROM store`
	leaseHosts    = `UPDATE id_source SET next = $1 + CASE
			WHEN next > (SELECT coalesce(max(id), 0) FROM host) THEN next
			ELSE (SELECT max(id) + 1 FROM host) END
		WHERE kind = 'host' RETURNING next - $1`
	putFlavor = `INSERT INTO flavor (id, name, ram, disk, cpu_weight) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`
)

// insertSnapshot stores an actor's first snapshot where there is none yet.
var insertSnapshot = perKindText(func(table string) string {
	return `INSERT INTO ` + table + ` (` + snapshotColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (id) DO NOTHING`
})

// CreateAccount makes the account with one user; account.ID 0 takes the next free number from 1001.
func (s *Store) CreateAccount(ctx context.Context, account schemas.Account, user string, keyHash []byte) (schemas.AccountID, error) {
	if user == "" || !clean(user, account.Name) {
		return 0, schemas.Errorf(schemas.KindInvalid, "the name of an account and its user must be text, the user's not empty")
	}
	err := s.writing(ctx, "create account", func(tx *sqlx.Tx) error {
		if err := s.lockCatalogue(ctx, tx); err != nil {
			return err
		}
		if err := refuseTaken(ctx, tx, &account, user); err != nil {
			return err
		}
		now := s.now()
		account.V = schemas.StateV
		if err := s.insertFirst(ctx, tx, account.ID.Ref(), schemas.ShardOf(account.ID), now, storage.Snapshot{
			Account: account.ID, Name: account.Name,
		}, account); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertUser, user, int64(account.ID), micros(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, insertKey, user, keyHash, micros(now))
		return err
	})
	if err != nil {
		return 0, err
	}
	return account.ID, nil
}

// lockCatalogue keeps operators on other nodes waiting: what is free now must be free when it is taken.
func (s *Store) lockCatalogue(ctx context.Context, tx *sqlx.Tx) error {
	const lock schemas.Shard = -1 // is no shard
	return s.dialect.Lock(ctx, tx, []schemas.Shard{lock}, true)
}

// refuseTaken picks the account's number and refuses a number or a user that is there already.
func refuseTaken(ctx context.Context, tx *sqlx.Tx, account *schemas.Account, user string) error {
	var n int64
	if err := tx.GetContext(ctx, &n, countUser, user); err != nil {
		return err
	}
	if n > 0 {
		return schemas.Errorf(schemas.KindConflict, "user %q exists", user)
	}
	if account.ID == 0 {
		return tx.GetContext(ctx, &account.ID, selectNextFree, firstAccount)
	}
	if err := tx.GetContext(ctx, &n, countAccount, int64(account.ID)); err != nil {
		return err
	}
	if n > 0 {
		return schemas.Errorf(schemas.KindConflict, "account %d exists", int64(account.ID))
	}
	return nil
}

// insertFirst stores version 1 of an actor, unless it is there; snap has what differs by kind.
func (s *Store) insertFirst(
	ctx context.Context, tx *sqlx.Tx, ref schemas.Ref, shard schemas.Shard, now time.Time, snap storage.Snapshot, state any,
) error {
	text, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("state of %s: %w", ref, err)
	}
	snap.Ref, snap.Shard, snap.Version, snap.V, snap.State = ref, shard, 1, schemas.StateV, text
	snap.Created, snap.Updated = now, now
	_, err = tx.ExecContext(ctx, insertSnapshot[ref.Kind], snapshotValues(&snap)...)
	return err
}

type accountUserRow struct {
	Name    string `db:"name"`
	Account int64  `db:"account"`
}

// Accounts lists every account with its users.
func (s *Store) Accounts(ctx context.Context) ([]storage.AccountRow, error) {
	return reading(s, "list accounts", func() ([]storage.AccountRow, error) {
		accounts, err := states[schemas.Account](ctx, s, schemas.ActorAccount)
		if err != nil {
			return nil, err
		}
		users, err := list[accountUserRow](ctx, s, selectUsers)
		if err != nil {
			return nil, err
		}
		limits, err := s.allRateLimits(ctx)
		if err != nil {
			return nil, err
		}
		names := map[schemas.AccountID][]string{}
		for _, u := range users {
			names[schemas.AccountID(u.Account)] = append(names[schemas.AccountID(u.Account)], u.Name)
		}
		out := make([]storage.AccountRow, len(accounts))
		for i, a := range accounts {
			out[i] = storage.AccountRow{Account: a, Users: names[a.ID], RateLimits: limits[a.ID]}
		}
		return out, nil
	})
}

// RotateKey replaces a user's key and ends its tokens.
func (s *Store) RotateKey(ctx context.Context, user string, keyHash []byte) error {
	return s.writing(ctx, "rotate key", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, raiseUser, user)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return storage.ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, updateKey, user, keyHash, micros(s.now())); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, endTokens, user)
		return err
	})
}

// Hosts lists the hosts' states.
func (s *Store) Hosts(ctx context.Context) ([]schemas.Host, error) {
	return reading(s, "list hosts", func() ([]schemas.Host, error) {
		return states[schemas.Host](ctx, s, schemas.ActorHost)
	})
}

// Clusters lists the clusters' states.
func (s *Store) Clusters(ctx context.Context) ([]schemas.Cluster, error) {
	return reading(s, "list clusters", func() ([]schemas.Cluster, error) {
		return states[schemas.Cluster](ctx, s, schemas.ActorCluster)
	})
}

// states reads the states of every actor of a kind, by ascending id.
func states[S any](ctx context.Context, s *Store, kind schemas.ActorKind) ([]S, error) {
	rows, err := list[snapshotRow](ctx, s, selectAll[kind])
	if err != nil {
		return nil, err
	}
	out := make([]S, len(rows))
	for i := range rows {
		if err := json.Unmarshal(rows[i].State, &out[i]); err != nil {
			return nil, fmt.Errorf("state of %s %d: %w", kind, rows[i].ID, err)
		}
	}
	return out, nil
}

// Seed stores the catalogue where it is not there yet; what is there stays.
func (s *Store) Seed(ctx context.Context, c storage.Catalogue) error {
	defer s.keepOrder()()
	return s.writing(ctx, "seed", func(tx *sqlx.Tx) error {
		if err := s.lockCatalogue(ctx, tx); err != nil {
			return err
		}
		for _, f := range c.Flavors {
			if _, err := tx.ExecContext(ctx, putFlavor, int64(f.ID), f.Name, f.RAMMiB, f.DiskGB, f.CPUWeight); err != nil {
				return err
			}
		}
		if err := s.seedImages(ctx, tx, c.Images); err != nil {
			return err
		}
		return s.seedClusters(ctx, tx, c.Clusters)
	})
}

// seedClusters stores the clusters of a cloud that has none: those of one that has some share out its addresses.
func (s *Store) seedClusters(ctx context.Context, tx *sqlx.Tx, clusters []schemas.Cluster) error {
	var there int
	if err := tx.GetContext(ctx, &there, countClusters); err != nil || there > 0 {
		return err
	}
	for i := range clusters {
		cluster := clusters[i]
		cluster.V = schemas.StateV
		shard := schemas.ShardOfCluster(cluster.ID)
		if err := s.insertFirst(ctx, tx, cluster.ID.Ref(), shard, s.now(), storage.Snapshot{}, cluster); err != nil {
			return err
		}
	}
	return nil
}

// seedImages stores base images: account 0, so everybody sees them. They are new rows, so no copy in memory can be old.
func (s *Store) seedImages(ctx context.Context, tx *sqlx.Tx, images []schemas.Image) error {
	for i := range images {
		image := images[i]
		image.V, image.Account = schemas.StateV, 0
		if image.Created.IsZero() {
			image.Created = s.now()
		}
		if image.Updated.IsZero() {
			image.Updated = image.Created
		}
		rendered, err := json.Marshal(image.View())
		if err != nil {
			return fmt.Errorf("image %d: %w", image.ID, err)
		}
		snap := storage.Snapshot{Name: image.Name, Status: string(image.Status), Rendered: rendered}
		if err := s.insertFirst(ctx, tx, image.ID.Ref(), schemas.ShardOf(0), image.Created, snap, image); err != nil {
			return err
		}
	}
	return nil
}

// SealedWith records the fingerprint of the key of payloads when none is recorded yet, and returns the recorded one.
func (s *Store) SealedWith(ctx context.Context, fingerprint string) (string, error) {
	var recorded string
	err := s.writing(ctx, "compare the secret key", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, putSeal, fingerprint); err != nil {
			return err
		}
		return tx.GetContext(ctx, &recorded, selectSeal)
	})
	return recorded, err
}

// LeaseHosts takes numbers for hosts, above all that were taken before and above those of known hosts.
func (s *Store) LeaseHosts(ctx context.Context, count int) (schemas.HostID, error) {
	var first int64
	err := s.writing(ctx, "lease host numbers", func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &first, leaseHosts, count)
	})
	return schemas.HostID(first), err
}
