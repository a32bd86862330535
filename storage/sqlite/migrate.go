package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. A schema that this program does not know is not touched.
func migrate(ctx context.Context, db *sql.DB, readOnly bool) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	known := p.ListSources()[len(p.ListSources())-1].Version
	current, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	switch {
	case current == known:
		return nil
	case current > known:
		return fmt.Errorf("its schema is version %d, this program knows %d: run the newer Ozone that wrote it, or put a backup in its place", current, known)
	case readOnly:
		return fmt.Errorf("its schema is version %d, this program needs %d: start the node once with this program", current, known)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", current, known, err)
	}
	return nil
}

// schemaVersion is 0 for an empty database.
func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	const (
		table   = `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`
		version = `SELECT coalesce(max(version_id), 0) FROM goose_db_version`
	)
	var n int64
	if err := db.QueryRowContext(ctx, table).Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err := db.QueryRowContext(ctx, version).Scan(&n)
	return n, err
}
