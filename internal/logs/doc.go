// SPDX-License-Identifier: Apache-2.0

// Package logs gives a service's log its places and its measure: slog handlers
// that write to the journal with fields, count what repeats instead of
// writing it, and can be exchanged while loggers hold them; and a file that
// stays under a size.
package logs
