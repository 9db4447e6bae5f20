// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"io/fs"
	"os"
)

// giveGroup has nothing to do: there are no groups of files.
func giveGroup(*os.File, fs.FileInfo) {}
