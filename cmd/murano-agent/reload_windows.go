// SPDX-License-Identifier: Apache-2.0

package main

import "os"

// reloads never gets a value: there is no SIGHUP. Restart the service instead.
func reloads() (asked <-chan os.Signal, stop func()) { return nil, func() {} }
