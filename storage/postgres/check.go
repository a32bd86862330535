package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// oldestServer is PostgreSQL 15. Source: docs/numbers.md.
const oldestServer = 150000

// safe lists the settings without which a server may lose or spoil what it has confirmed.
var safe = []string{"fsync", "full_page_writes", "synchronous_commit"}

// checkServer refuses a server that cannot hold the store.
func checkServer(ctx context.Context, conn *sqlx.Conn, cfg Config) error {
	const query = `SELECT CAST(current_setting('server_version_num') AS INT) AS version,
		current_setting('server_version') AS version_text, current_setting('server_encoding') AS encoding,
		current_database() AS database, pg_is_in_recovery() AS standby`
	var server struct {
		Version     int    `db:"version"`
		VersionText string `db:"version_text"`
		Encoding    string `db:"encoding"`
		Database    string `db:"database"`
		Standby     bool   `db:"standby"`
	}
	if err := conn.GetContext(ctx, &server, query); err != nil {
		return err
	}
	switch {
	case server.Version < oldestServer:
		return fmt.Errorf("the server is PostgreSQL %s: Ozone needs 15 or later", server.VersionText)
	case server.Encoding != "UTF8":
		return fmt.Errorf("the database has encoding %s: make it with CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0", server.Encoding, server.Database)
	case server.Standby && !cfg.ReadOnly:
		return errors.New("the server is a standby, which nothing can be written to: name the primary")
	}
	return checkSafe(ctx, conn, cfg)
}

func checkSafe(ctx context.Context, conn *sqlx.Conn, cfg Config) error {
	for _, name := range safe {
		var value string
		if err := conn.GetContext(ctx, &value, `SELECT current_setting($1)`, name); err != nil {
			return err
		}
		if value != "off" {
			continue
		}
		if !cfg.AllowUnsafe {
			return fmt.Errorf("the server has %s=off and may lose what it has confirmed: set %[1]s=on for it, this database and this user", name)
		}
		cfg.Log.Warn("the server may lose what it has confirmed", "setting", name, "value", value)
	}
	return nil
}
