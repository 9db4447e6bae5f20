// SPDX-License-Identifier: Apache-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/openmurano/murano/controller"
)

const packageColumns = "digest, name, title, zip, added"

// PutPackage implements controller.Environments.
func (db *DB) PutPackage(ctx context.Context, p controller.PackageRecord) error {
	return db.change(ctx, "put package "+p.Name, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM packages WHERE digest = ?", p.Digest); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO packages ("+packageColumns+") VALUES (?, ?, ?, ?, ?)",
			p.Digest, p.Name, p.Title, p.Zip, nanos(p.Added))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM packages WHERE name = ?
			AND number NOT IN (SELECT number FROM packages WHERE name = ? ORDER BY number DESC LIMIT ?)
			AND digest NOT IN (SELECT package_digest FROM applications)
			AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.state = ? AND instr(d.packages, packages.digest) > 0)`,
			p.Name, p.Name, controller.KeptPackages, controller.Running)
		return err
	})
}

// PackageNamed implements controller.Environments.
func (db *DB) PackageNamed(ctx context.Context, name string) (controller.PackageRecord, error) {
	return one(ctx, db, "read package "+name, scanPackage,
		"SELECT "+packageColumns+" FROM packages WHERE name = ? ORDER BY number DESC LIMIT 1", name)
}

// PackageOf implements controller.Environments.
func (db *DB) PackageOf(ctx context.Context, digest string) (controller.PackageRecord, error) {
	return one(ctx, db, "read package "+digest, scanPackage, "SELECT "+packageColumns+" FROM packages WHERE digest = ?", digest)
}

// Packages implements controller.Environments.
func (db *DB) Packages(ctx context.Context) ([]controller.PackageRecord, error) {
	return list(ctx, db, "list packages", scanPackage, `SELECT digest, name, title, NULL, added FROM packages
		WHERE number IN (SELECT MAX(number) FROM packages GROUP BY name) ORDER BY name`)
}

func scanPackage(r row) (p controller.PackageRecord, err error) {
	var added int64
	err = r.Scan(&p.Digest, &p.Name, &p.Title, &p.Zip, &added)
	p.Added = instant(added)
	return p, err
}

// Begin implements controller.Environments.
func (db *DB) Begin(ctx context.Context, e controller.EnvironmentRecord, d controller.Deployment) error {
	return db.change(ctx, "begin deployment of "+string(e.Name), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO environments (id, name, spec, state, cause, deployment, network, created, updated)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET spec = excluded.spec, state = excluded.state, cause = excluded.cause,
				deployment = excluded.deployment, updated = excluded.updated`,
			e.ID, e.Name, nonNil(e.Spec), e.State, e.Cause, d.ID, asJSON(e.Network), nanos(e.Created), nanos(e.Updated)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE deployments SET state = ?, ended = ? WHERE environment_id = ? AND state = ?",
			controller.Cancelled, nanos(d.Started), e.ID, controller.Running); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO deployments
			(id, environment_id, environment, wish, state, cause, packages, leftovers, started, ended)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			d.ID, e.ID, e.Name, d.Wish, d.State, d.Cause, asJSON(d.Packages), asJSON(d.Leftovers), nanos(d.Started), nanos(d.Ended))
		return err
	})
}

// Finish implements controller.Environments.
func (db *DB) Finish(ctx context.Context, d controller.Deployment, s controller.State) error {
	return db.change(ctx, "end deployment of "+string(d.Environment), func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "UPDATE deployments SET state = ?, cause = ?, leftovers = ?, ended = ? WHERE id = ? AND state = ?",
			d.State, d.Cause, asJSON(d.Leftovers), nanos(d.Ended), d.ID, controller.Running)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE environments SET state = ?, cause = ?, updated = ? WHERE id = ?",
			s, d.Cause, nanos(d.Ended), d.EnvironmentID); err != nil || s != controller.StateDeleted {
			return err
		}
		for _, statement := range []string{
			"UPDATE environments SET spec = '' WHERE id = ?",
			"DELETE FROM applications WHERE environment_id = ?",
			"DELETE FROM servers WHERE environment_id = ?",
			"DELETE FROM plans WHERE environment_id = ?",
		} {
			if _, err := tx.ExecContext(ctx, statement, d.EnvironmentID); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutNetwork implements controller.Environments.
func (db *DB) PutNetwork(ctx context.Context, environmentID string, s controller.StackRecord) error {
	n, err := db.exec(ctx, "put network of environment "+environmentID,
		"UPDATE environments SET network = ? WHERE id = ?", asJSON(s), environmentID)
	return found(n, err)
}

const environmentColumns = "id, name, spec, state, cause, deployment, network, created, updated"

// Environment implements controller.Environments.
func (db *DB) Environment(ctx context.Context, name controller.EnvironmentName) (controller.EnvironmentRecord, error) {
	return one(ctx, db, "read environment "+string(name), scanEnvironment, "SELECT "+environmentColumns+
		" FROM environments WHERE name = ? ORDER BY CASE WHEN state = ? THEN 1 ELSE 0 END, updated DESC LIMIT 1", name, controller.StateDeleted)
}

// Environments implements controller.Environments.
func (db *DB) Environments(ctx context.Context) ([]controller.EnvironmentRecord, error) {
	return list(ctx, db, "list environments", scanEnvironment,
		"SELECT "+environmentColumns+" FROM environments WHERE state <> ? ORDER BY name", controller.StateDeleted)
}

func scanEnvironment(r row) (e controller.EnvironmentRecord, err error) {
	var network string
	var created, updated int64
	err = r.Scan(&e.ID, &e.Name, &e.Spec, &e.State, &e.Cause, &e.Deployment, &network, &created, &updated)
	if err != nil {
		return e, err
	}
	e.Created, e.Updated = instant(created), instant(updated)
	return e, json.Unmarshal([]byte(network), &e.Network)
}

const deploymentColumns = "id, environment_id, environment, wish, state, cause, packages, leftovers, started, ended"

// Deployment implements controller.Environments.
func (db *DB) Deployment(ctx context.Context, id controller.DeploymentID) (controller.Deployment, error) {
	return one(ctx, db, "read deployment "+string(id), scanDeployment, "SELECT "+deploymentColumns+" FROM deployments WHERE id = ?", id)
}

// Deployments implements controller.Environments.
func (db *DB) Deployments(ctx context.Context, environmentID string) ([]controller.Deployment, error) {
	return list(ctx, db, "list deployments", scanDeployment,
		"SELECT "+deploymentColumns+" FROM deployments WHERE environment_id = ? ORDER BY number", environmentID)
}

// Unfinished implements controller.Environments.
func (db *DB) Unfinished(ctx context.Context) ([]controller.Deployment, error) {
	return list(ctx, db, "list unfinished deployments", scanDeployment,
		"SELECT "+deploymentColumns+" FROM deployments WHERE state = ? ORDER BY number", controller.Running)
}

func scanDeployment(r row) (d controller.Deployment, err error) {
	var packages, leftovers string
	var started, ended int64
	err = r.Scan(&d.ID, &d.EnvironmentID, &d.Environment, &d.Wish, &d.State, &d.Cause, &packages, &leftovers, &started, &ended)
	if err != nil {
		return d, err
	}
	d.Started, d.Ended = instant(started), instant(ended)
	return d, errors.Join(json.Unmarshal([]byte(packages), &d.Packages), json.Unmarshal([]byte(leftovers), &d.Leftovers))
}

// found makes ErrNotFound of a change that changed nothing.
func found(n int64, err error) error {
	if err == nil && n == 0 {
		return controller.ErrNotFound
	}
	return err
}

// nonNil gives an empty slice for nil: a column that is NOT NULL takes it.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
