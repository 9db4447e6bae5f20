// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"golang.org/x/sys/unix"

	"github.com/openmurano/murano/internal/fault"
)

// syncDisks puts on disk what a script wrote, wherever it did. On Linux sync
// returns once that is done (sync(2)).
func syncDisks() {
	fault.Point("runner.disks.before-sync")
	unix.Sync()
	fault.Point("runner.disks.after-sync")
}
