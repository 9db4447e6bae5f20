// SPDX-License-Identifier: Apache-2.0

// Package sqlstore keeps a controller's environments, deployments, plans and
// events in SQLite: in one file, or in memory for the dev mode.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/openmurano/murano/controller"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many connections read side by side. One writes.
const readers = 4

// A DB is a store in one SQLite file or in memory.
type DB struct {
	read  *sql.DB
	write *sql.DB      // one connection: SQLite has one writer
	keep  *sql.DB      // of a store in memory: lives as long as one connection is open
	lock  *flock.Flock // of a store in a file
}

var _ controller.Environments = (*DB)(nil)

// Open opens the store in the file at path, makes it if it is not there,
// readable by its owner alone, and brings it to the newest schema. A file that
// another process has open is refused. The caller closes it.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("open store %s: lock it: %w; the folder must exist and be writable", path, err)
	}
	if !locked {
		return nil, fmt.Errorf("open store %s: another controller uses it; stop that one, or give this one a file of its own", path)
	}
	db := &DB{lock: lock}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite's other files take its mode
	if err == nil {
		err = errors.Join(f.Chmod(0o600), f.Close()) // it may be a backup that was put back
	}
	if err == nil {
		// synchronous FULL: a commit is on disk before it returns, in WAL mode too.
		dsn := source(path, "journal_mode(WAL)", "synchronous(FULL)")
		err = db.open(dsn, readers)
	}
	if err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	return db, nil
}

// InMemory makes a store that is gone when it is closed.
func InMemory(ctx context.Context) (*DB, error) {
	dsn := source("murano-"+uuid.NewString()) + "&mode=memory&cache=shared"
	db := new(DB)
	keep, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open store in memory: %w", err)
	}
	db.keep = keep
	keep.SetMaxOpenConns(1)
	if err := keep.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store in memory: %w", err), db.Close())
	}
	if err := db.open(dsn, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("open store in memory: %w", err), db.Close())
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store in memory: %w", err), db.Close())
	}
	return db, nil
}

// source writes a data source name of modernc.org/sqlite.
func source(path string, pragmas ...string) string {
	v := url.Values{"_txlock": {"immediate"}}
	for _, p := range append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, pragmas...) {
		v.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
}

// open opens the writing connection and those that read; with no reading
// connections the writing one reads too.
func (db *DB) open(dsn string, readers int) error {
	write, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	db.write, db.read = write, write
	if readers == 0 {
		return nil
	}
	if db.read, err = sql.Open("sqlite", dsn); err != nil {
		db.read = write
		return err
	}
	db.read.SetMaxOpenConns(readers)
	return nil
}

// migrate brings the schema to the newest version.
func (db *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db.write, files)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring its schema to the newest version: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err == nil && have > want {
		return fmt.Errorf("its schema has version %d, this program knows up to %d; run the newer program that made it", have, want)
	}
	return err
}

// Close closes the store. Calls that still run fail.
func (db *DB) Close() error {
	var errs []error
	for _, one := range []*sql.DB{db.read, db.write, db.keep} {
		if one != nil {
			errs = append(errs, one.Close())
		}
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Unlock())
	}
	return errors.Join(errs...)
}

// fault says what was being done, and makes err one of those the controller knows.
func fault(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, controller.ErrNotFound):
		return controller.ErrNotFound
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w: %w", doing, controller.ErrStore, err)
}

// change runs do in one transaction.
func (db *DB) change(ctx context.Context, doing string, do func(*sql.Tx) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fault(ctx, doing, err)
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return fault(ctx, doing, err)
	}
	return fault(ctx, doing, tx.Commit())
}

// exec runs one statement. It reports how many rows it changed.
func (db *DB) exec(ctx context.Context, doing, query string, args ...any) (int64, error) {
	r, err := db.write.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, fault(ctx, doing, err)
	}
	n, err := r.RowsAffected()
	return n, fault(ctx, doing, err)
}

// A row is *sql.Row or *sql.Rows.
type row interface{ Scan(...any) error }

// one reads a single row.
func one[T any](ctx context.Context, db *DB, doing string, scan func(row) (T, error), query string, args ...any) (T, error) {
	v, err := scan(db.read.QueryRowContext(ctx, query, args...))
	return v, fault(ctx, doing, err)
}

// list reads all rows.
func list[T any](ctx context.Context, db *DB, doing string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fault(ctx, doing, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fault(ctx, doing, err)
		}
		out = append(out, v)
	}
	return out, fault(ctx, doing, rows.Err())
}

// asJSON writes v for a column that holds JSON.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sqlstore: a record holds plain values only: " + err.Error())
	}
	return string(b)
}

// nanos writes t for a column; 0 for the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// instant reads what nanos wrote.
func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
