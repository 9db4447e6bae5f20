// SPDX-License-Identifier: Apache-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/openmurano/murano/controller"
)

const applicationColumns = "environment_id, name, package, package_digest, deployment, state, cause, depends_on, parameters, stack, outputs, updated"

// PutApplication implements controller.Environments.
func (db *DB) PutApplication(ctx context.Context, a controller.ApplicationRecord) error {
	_, err := db.exec(ctx, "put application "+string(a.Name), `INSERT INTO applications (`+applicationColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (environment_id, name) DO UPDATE SET package = excluded.package, package_digest = excluded.package_digest,
			deployment = excluded.deployment, state = excluded.state, cause = excluded.cause, depends_on = excluded.depends_on,
			parameters = excluded.parameters, stack = excluded.stack, outputs = excluded.outputs, updated = excluded.updated`,
		a.EnvironmentID, a.Name, a.Package, a.PackageDigest, a.Deployment, a.State, a.Cause,
		asJSON(a.After), asJSON(a.Parameters), asJSON(a.Stack), asJSON(a.Outputs), nanos(a.Updated))
	return err
}

// Applications implements controller.Environments.
func (db *DB) Applications(ctx context.Context, environmentID string) ([]controller.ApplicationRecord, error) {
	return list(ctx, db, "list applications", scanApplication,
		"SELECT "+applicationColumns+" FROM applications WHERE environment_id = ? ORDER BY name", environmentID)
}

func scanApplication(r row) (a controller.ApplicationRecord, err error) {
	var after, parameters, stack, outputs string
	var updated int64
	err = r.Scan(&a.EnvironmentID, &a.Name, &a.Package, &a.PackageDigest, &a.Deployment, &a.State, &a.Cause,
		&after, &parameters, &stack, &outputs, &updated)
	if err != nil {
		return a, err
	}
	a.Updated = instant(updated)
	return a, errors.Join(
		json.Unmarshal([]byte(after), &a.After), json.Unmarshal([]byte(parameters), &a.Parameters),
		json.Unmarshal([]byte(stack), &a.Stack), json.Unmarshal([]byte(outputs), &a.Outputs))
}

// RemoveApplication implements controller.Environments.
func (db *DB) RemoveApplication(ctx context.Context, environmentID string, name controller.ApplicationName) error {
	return db.change(ctx, "remove application "+string(name), func(tx *sql.Tx) error {
		for _, statement := range []string{
			"DELETE FROM applications WHERE environment_id = ? AND name = ?",
			"DELETE FROM servers WHERE environment_id = ? AND application = ?",
			"DELETE FROM plans WHERE environment_id = ? AND application = ?",
		} {
			if _, err := tx.ExecContext(ctx, statement, environmentID, name); err != nil {
				return err
			}
		}
		return nil
	})
}

const serverColumns = "queue, environment_id, environment, application, server_group, server_index, host_id, hostname, user_data, " +
	"id, address, floating, since, hello, hello_version, hello_boot_id, hello_inventory"

// PutServer implements controller.Environments.
func (db *DB) PutServer(ctx context.Context, s controller.ServerRecord) error {
	_, err := db.exec(ctx, "put server "+s.Hostname, `INSERT INTO servers (`+serverColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', 'null')
		ON CONFLICT (queue) DO UPDATE SET hostname = excluded.hostname, user_data = excluded.user_data,
			id = excluded.id, address = excluded.address, floating = excluded.floating, since = excluded.since`,
		s.Queue, s.EnvironmentID, s.Environment, s.Application, s.Group, s.Index, s.HostID, s.Hostname, s.UserData,
		s.ID, s.Address, s.Floating, nanos(s.Since))
	return err
}

// Servers implements controller.Environments.
func (db *DB) Servers(ctx context.Context, environmentID string) ([]controller.ServerRecord, error) {
	return list(ctx, db, "list servers", scanServer, "SELECT "+serverColumns+
		" FROM servers WHERE environment_id = ? ORDER BY application, server_group, server_index", environmentID)
}

// Server implements controller.Environments.
func (db *DB) Server(ctx context.Context, queue string) (controller.ServerRecord, error) {
	return one(ctx, db, "read server of queue "+queue, scanServer, "SELECT "+serverColumns+" FROM servers WHERE queue = ?", queue)
}

func scanServer(r row) (s controller.ServerRecord, err error) {
	var since, hello int64
	var inventory string
	err = r.Scan(&s.Queue, &s.EnvironmentID, &s.Environment, &s.Application, &s.Group, &s.Index, &s.HostID, &s.Hostname, &s.UserData,
		&s.ID, &s.Address, &s.Floating, &since, &hello, &s.Hello.Version, &s.Hello.BootID, &inventory)
	if err == nil {
		err = json.Unmarshal([]byte(inventory), &s.Hello.Inventory)
	}
	s.Since, s.Hello.Time = instant(since), instant(hello)
	return s, err
}

// RemoveServer implements controller.Environments.
func (db *DB) RemoveServer(ctx context.Context, queue string) error {
	_, err := db.exec(ctx, "remove server of queue "+queue, "DELETE FROM servers WHERE queue = ?", queue)
	return err
}

// PutHello implements controller.Environments.
func (db *DB) PutHello(ctx context.Context, queue string, h controller.Hello) (controller.ServerRecord, error) {
	n, err := db.exec(ctx, "put hello of queue "+queue, "UPDATE servers SET hello = ?, hello_version = ?, hello_boot_id = ?, hello_inventory = ? WHERE queue = ?",
		nanos(h.Time), h.Version, h.BootID, asJSON(h.Inventory), queue)
	if err := found(n, err); err != nil {
		return controller.ServerRecord{}, err
	}
	return db.Server(ctx, queue)
}
