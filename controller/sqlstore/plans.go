// SPDX-License-Identifier: Apache-2.0

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/openmurano/murano/controller"
)

const planColumns = "id, queue, environment_id, deployment, application, phase, step, server, digest, stamp, body, signature, " +
	"timeout, created, state, cause, result, result_at"

// PutPlan implements controller.Environments.
func (db *DB) PutPlan(ctx context.Context, p controller.PlanRecord) error {
	n, err := db.exec(ctx, "put plan "+p.ID, `INSERT INTO plans (`+planColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		p.ID, p.Queue, p.EnvironmentID, p.Deployment, p.Application, p.Phase, p.Step, p.Server, p.Digest, p.Stamp,
		nonNil(p.Body), p.Signature, int64(p.Timeout), nanos(p.Created), p.State, p.Cause, p.Result, nanos(p.ResultAt))
	if err == nil && n == 0 {
		return controller.ErrKnownPlan
	}
	return err
}

// Plan implements controller.Environments.
func (db *DB) Plan(ctx context.Context, id string) (controller.PlanRecord, error) {
	return one(ctx, db, "read plan "+id, scanPlan, "SELECT "+planColumns+" FROM plans WHERE id = ?", id)
}

// Plans implements controller.Environments.
func (db *DB) Plans(ctx context.Context, environmentID string) ([]controller.PlanRecord, error) {
	columns := strings.Replace(planColumns, "body, signature", "NULL, NULL", 1)
	return list(ctx, db, "list plans", scanPlan,
		"SELECT "+columns+" FROM plans WHERE environment_id = ? ORDER BY number", environmentID)
}

func scanPlan(r row) (p controller.PlanRecord, err error) {
	var timeout, created, resultAt int64
	err = r.Scan(&p.ID, &p.Queue, &p.EnvironmentID, &p.Deployment, &p.Application, &p.Phase, &p.Step, &p.Server, &p.Digest, &p.Stamp,
		&p.Body, &p.Signature, &timeout, &created, &p.State, &p.Cause, &p.Result, &resultAt)
	p.Timeout, p.Created, p.ResultAt = time.Duration(timeout), instant(created), instant(resultAt)
	return p, err
}

// PutResult implements controller.Environments.
func (db *DB) PutResult(ctx context.Context, id string, s controller.PlanState, cause string, result []byte, at time.Time) (bool, error) {
	n, err := db.exec(ctx, "put result of plan "+id,
		"UPDATE plans SET state = ?, cause = ?, result = ?, result_at = ? WHERE id = ? AND result IS NULL",
		s, cause, nonNil(result), nanos(at), id)
	if err != nil || n > 0 {
		return n > 0, err
	}
	_, err = db.Plan(ctx, id)
	return false, err
}

// GiveUp implements controller.Environments.
func (db *DB) GiveUp(ctx context.Context, id string, cause string) error {
	_, err := db.exec(ctx, "give up plan "+id,
		"UPDATE plans SET state = ?, cause = ? WHERE id = ? AND result IS NULL", controller.PlanFailed, cause, id)
	return err
}

// LastStamp implements controller.Environments.
func (db *DB) LastStamp(ctx context.Context, queue string) (int64, error) {
	return one(ctx, db, "read last stamp of queue "+queue, func(r row) (stamp int64, err error) {
		return stamp, r.Scan(&stamp)
	}, "SELECT COALESCE(MAX(stamp), 0) FROM plans WHERE queue = ?", queue)
}

const eventColumns = "time, environment_id, environment, deployment, application, server, kind, status, text, fields, once"

// AddEvent implements controller.Environments.
func (db *DB) AddEvent(ctx context.Context, e controller.Event) (controller.Event, error) {
	err := db.change(ctx, "add event", func(tx *sql.Tx) error {
		if e.Once != "" {
			known, err := scanEvent(tx.QueryRowContext(ctx, "SELECT seq, "+eventColumns+" FROM events WHERE deployment = ? AND once = ?", e.Deployment, e.Once))
			if !errors.Is(err, sql.ErrNoRows) {
				e = known
				return err
			}
		}
		return tx.QueryRowContext(ctx, "INSERT INTO events ("+eventColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
			nanos(e.Time), e.EnvironmentID, e.Environment, e.Deployment, e.Application, e.Server, e.Kind, e.Status, e.Text,
			asJSON(e.Fields), e.Once).Scan(&e.Seq)
	})
	return e, err
}

// Events implements controller.Environments.
func (db *DB) Events(ctx context.Context, environmentID string, after int64, limit int) ([]controller.Event, error) {
	return list(ctx, db, "list events", scanEvent,
		"SELECT seq, "+eventColumns+" FROM events WHERE environment_id = ? AND seq > ? ORDER BY seq LIMIT ?", environmentID, after, limit)
}

func scanEvent(r row) (e controller.Event, err error) {
	var at int64
	var fields string
	err = r.Scan(&e.Seq, &at, &e.EnvironmentID, &e.Environment, &e.Deployment, &e.Application, &e.Server, &e.Kind, &e.Status, &e.Text, &fields, &e.Once)
	if err != nil {
		return e, err
	}
	e.Time = instant(at)
	return e, json.Unmarshal([]byte(fields), &e.Fields)
}
