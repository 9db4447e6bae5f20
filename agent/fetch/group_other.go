// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package fetch

import "os/exec"

// stopAsGroup leaves cmd as it is: its context kills it alone.
func stopAsGroup(*exec.Cmd) {}

// endGroup knows of nothing that cmd left running.
func endGroup(*exec.Cmd) {}
