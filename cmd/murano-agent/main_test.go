// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"murano-agent": main, "muranoagent": main, "spooled": spooled})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

func TestTheCommandLineOfThePythonAgentMeansRun(t *testing.T) {
	for name, tt := range map[string]struct{ args, want []string }{
		"the unit file of murano-agent":      {[]string{"/usr/local/bin/muranoagent", "--config-dir", "/etc/murano"}, []string{"run", "--config-dir", "/etc/murano"}},
		"the old name alone":                 {[]string{"muranoagent"}, []string{"run"}},
		"the old name with another flag":     {[]string{"muranoagent", "--debug"}, []string{"run", "--debug"}},
		"the old name asked for help":        {[]string{"muranoagent", "--help"}, []string{"--help"}},
		"the old name with a command":        {[]string{"muranoagent", "version"}, []string{"version"}},
		"the new name with the old flag":     {[]string{"murano-agent", "--config-dir=/etc/murano"}, []string{"run", "--config-dir=/etc/murano"}},
		"the new name with a file":           {[]string{"murano-agent", "--config-file", "x"}, []string{"run", "--config-file", "x"}},
		"the new name with a command":        {[]string{"murano-agent", "run", "--config-dir", "x"}, []string{"run", "--config-dir", "x"}},
		"the new name alone":                 {[]string{"murano-agent"}, []string{}},
		"a program of another system's kind": {[]string{"muranoagent.exe", "--config-dir", "x"}, []string{"run", "--config-dir", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := arguments(tt.args); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
