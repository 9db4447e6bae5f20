// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package atomicfile

import "os"

func syncContent(f *os.File) error { return f.Sync() }
