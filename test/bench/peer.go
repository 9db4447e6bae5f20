// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const installed = "/usr/lib/python3/dist-packages/muranoagent"

// pythonAgent makes a copy of Debian's murano-agent that can run plans, and
// returns its command. The system's own is not changed.
func pythonAgent(dir string) ([]string, error) {
	if _, err := os.Stat(installed); err != nil {
		if os.Getuid() != 0 {
			return nil, errors.New("the package murano-agent is not installed; apt-get install murano-agent")
		}
		cmd := exec.Command("apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600", "murano-agent")
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apt-get install murano-agent: %w: %s", err, lastLine(out))
		}
	}
	tree := filepath.Join(dir, "python")
	if err := os.CopyFS(filepath.Join(tree, "muranoagent"), os.DirFS(installed)); err != nil {
		return nil, err
	}
	file := filepath.Join(tree, "muranoagent", "execution_plan_queue.py")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fixed := bytes.Replace(text, []byte("open(plan_file_path, 'wb')"), []byte("open(plan_file_path, 'w')"), 1)
	if err := os.WriteFile(file, fixed, 0o644); err != nil {
		return nil, err
	}
	return []string{"/usr/bin/python3", "-c", "import sys; sys.path.insert(0, " + fmt.Sprintf("%q", tree) + "); sys.argv[0] = 'muranoagent'\nfrom muranoagent.cmd.run import main; main()"}, nil
}

func lastLine(b []byte) []byte {
	b = bytes.TrimSpace(b)
	return b[bytes.LastIndexByte(b, '\n')+1:]
}
