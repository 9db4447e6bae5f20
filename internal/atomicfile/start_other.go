// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package atomicfile

import "os"

// StartSync has the system begin to write the content of f where it can.
func StartSync(f *os.File) {}
