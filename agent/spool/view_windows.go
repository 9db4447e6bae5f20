// SPDX-License-Identifier: Apache-2.0

package spool

// openTo names the group that may read path. Windows has no such modes.
func openTo(string) string { return "" }
