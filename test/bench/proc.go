// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

// memory is a field of a process's /proc/<pid>/status in MB: VmRSS is what is
// resident, VmHWM the most that ever was.
func memory(pid int, field string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, field); ok {
			n, _ := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			return n * 1024 / 1e6
		}
	}
	return 0
}

// cpu is the time that all threads of a process have used: its clock, see
// clock_getcpuclockid(3), which counts nanoseconds where /proc counts ticks of 10 ms.
func cpu(pid int) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0 // it has ended, which shows elsewhere
	}
	return time.Duration(t.Nano())
}
