package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The advisory lock of whoever changes the schema; its key is the word "Ozone!!".
const (
	lockSchema   = `SELECT pg_advisory_lock(22371142172221729)`
	unlockSchema = `SELECT pg_advisory_unlock(22371142172221729)`
)

// versions is what a database has and what this program knows.
type versions struct{ current, known int64 }

// migrate brings the schema up to date; the lock of the schema must be held. A schema that this program does not know is not touched.
func migrate(ctx context.Context, conn *sqlx.Conn, db *sql.DB) error {
	p, v, err := compare(ctx, conn, db)
	if err != nil || v.current == v.known {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", v.current, v.known, err)
	}
	return nil
}

// checkSchema wants the schema to be up to date.
func checkSchema(ctx context.Context, conn *sqlx.Conn) error {
	_, v, err := compare(ctx, conn, nil)
	if err == nil && v.current != v.known {
		return fmt.Errorf("its schema is version %d, this program needs %d: start a node once with this program", v.current, v.known)
	}
	return err
}

func compare(ctx context.Context, conn *sqlx.Conn, db *sql.DB) (*goose.Provider, versions, error) {
	var v versions
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, v, err
	}
	if db == nil {
		db = new(sql.DB) // is not used
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, v, fmt.Errorf("migrations: %w", err)
	}
	v.known = p.ListSources()[len(p.ListSources())-1].Version
	v.current, err = schemaVersion(ctx, conn)
	if err == nil && v.current > v.known {
		err = fmt.Errorf("its schema is version %d, this program knows %d: run the newer Ozone that wrote it, or restore a backup", v.current, v.known)
	}
	return p, v, err
}

var (
	errNoSchema = errors.New("no schema of its search_path exists: create one, or set search_path")
	errForeign  = errors.New("the database has the tables of another program: make one for Ozone alone")
)

// schemaVersion is 0 for an empty database.
func schemaVersion(ctx context.Context, conn *sqlx.Conn) (int64, error) {
	const look = `SELECT current_schema() IS NOT NULL AS usable,
		EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'goose_db_version') AS versioned,
		EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version') AS filled,
		EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema()
			AND table_name = 'store' AND column_name = 'incarnation') AS ours`
	var found struct {
		Usable    bool `db:"usable"`
		Versioned bool `db:"versioned"`
		Filled    bool `db:"filled"`
		Ours      bool `db:"ours"`
	}
	if err := conn.GetContext(ctx, &found, look); err != nil {
		return 0, err
	}
	var version int64
	if found.Versioned {
		const query = `SELECT coalesce(max(version_id), 0) FROM goose_db_version`
		if err := conn.GetContext(ctx, &version, query); err != nil {
			return 0, err
		}
	}
	switch {
	case !found.Usable:
		return 0, errNoSchema
	case found.Versioned && found.Ours:
		return version, nil
	case !found.Filled && version == 0:
		return 0, nil
	default:
		return 0, errForeign
	}
}
