-- SPDX-License-Identifier: Apache-2.0

-- +goose Up
ALTER TABLE servers ADD COLUMN hello_inventory TEXT NOT NULL DEFAULT 'null'; -- JSON

-- +goose Down
ALTER TABLE servers DROP COLUMN hello_inventory;
