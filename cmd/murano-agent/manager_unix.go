// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import "context"

// defaultConfig is where the package and cloud-init put the configuration.
const defaultConfig = "/etc/murano"

// managed runs the service under what started it. Signals end ctx.
func managed(ctx context.Context, run func(context.Context) error) error { return run(ctx) }

// unheard says whether nobody reads standard error. Here somebody does: the
// journal, a log file, a person.
func unheard() bool { return false }
