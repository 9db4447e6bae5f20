// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/preflight"
	"github.com/openmurano/murano/plans"
)

var (
	_ = agent.Wait{For: preflight.CloudInit{}.Blocked}
	_ = agent.Wait{For: preflight.PackageLock{}.Blocked}
)

// write makes files below a fresh root.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// script is a plan of one script with that text.
func script(text string) plans.Plan {
	return plans.Plan{
		Body:    "return run()",
		Scripts: map[string]plans.Script{"run": {Type: "Application", EntryPoint: "f"}},
		Files:   map[string]plans.File{"f": {Name: "run.sh", BodyType: "Text", Body: text}},
	}
}

func TestAPlanWaitsForTheEndOfCloudInit(t *testing.T) {
	const (
		status = "run/cloud-init/status.json"
		result = "run/cloud-init/result.json"
	)
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
		fails bool
	}{
		"no cloud-init here":      {nil, "", false},
		"it is turned off":        {map[string]string{"run/cloud-init/disabled": ""}, "", false},
		"it has not begun":        {map[string]string{"run/cloud-init/enabled": ""}, "", false},
		"it has ended":            {map[string]string{status: `{"v1":{"stage":null}}`, result: "{}"}, "", false},
		"it has ended in errors":  {map[string]string{status: `{"v1":{"stage":null}}`, result: `{"v1":{"errors":["x"]}}`}, "", false},
		"a stage is under way":    {map[string]string{status: `{"v1":{"stage":"modules-final","modules-final":{"start":1.5,"finished":null}}}`}, "cloud-init of this boot has not ended: stage modules-final", false},
		"another stage will come": {map[string]string{status: `{"v1":{"stage":null,"init":{"start":1.5,"finished":2.5}}}`}, "has not ended: between two stages", false},
		"its last stage has ended, the result is not written": {map[string]string{status: `{"v1":{"stage":null,"modules-final":{"start":1.5,"finished":2.5}}}`}, "", false},
		"it is just writing": {map[string]string{status: `{"v1":{"sta`}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := preflight.CloudInit{Root: write(t, tt.files)}
			got, err := c.Blocked(t.Context(), script("true"))
			if (err != nil) != tt.fails || !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestACloudInitThatDiedIsNotWaitedForByEachPlan(t *testing.T) {
	const status = "run/cloud-init/status.json"
	for name, tt := range map[string]struct {
		up, process string
		age         time.Duration
		blocks      bool
	}{
		"its stage was killed long ago":        {"4000.51 7000.02\n", "sshd\x00", time.Hour, false},
		"it wrote of itself lately":            {"4000.51 7000.02\n", "sshd\x00", time.Minute, true},
		"it is at work for long":               {"4000.51 7000.02\n", "/usr/bin/python3\x00/usr/bin/cloud-init\x00modules\x00--mode=final\x00", time.Hour, true},
		"the guest has a clock that was wrong": {"40.51 70.02\n", "sshd\x00", 50 * 365 * 24 * time.Hour, true},
		"how long it is up is not told":        {"", "sshd\x00", time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := write(t, map[string]string{
				status: `{"v1":{"stage":"modules-config","modules-config":{"start":1.5,"finished":null}}}`, "proc/uptime": tt.up, "proc/71/cmdline": tt.process,
			})
			then := time.Now().Add(-tt.age)
			if err := os.Chtimes(filepath.Join(root, status), then, then); err != nil {
				t.Fatal(err)
			}
			got, err := preflight.CloudInit{Root: root}.Blocked(t.Context(), script("true"))
			if err != nil || (got != "") != tt.blocks {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestAProbeWithoutScriptsWaitsForNothing(t *testing.T) {
	c := preflight.CloudInit{Root: write(t, map[string]string{"run/cloud-init/status.json": `{"v1":{"stage":"init"}}`})}
	if got, err := c.Blocked(t.Context(), plans.Plan{Body: "return"}); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
