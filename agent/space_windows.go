// SPDX-License-Identifier: Apache-2.0

package agent

import "golang.org/x/sys/windows"

// diskOf measures the disk that holds path; zero where it cannot.
func diskOf(path string) Disk {
	var d Disk
	name, err := windows.UTF16PtrFromString(path)
	if err != nil || windows.GetDiskFreeSpaceEx(name, &d.Free, &d.Total, nil) != nil {
		return Disk{}
	}
	return d
}
