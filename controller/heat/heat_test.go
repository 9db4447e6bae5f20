// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stackevents"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stacks"

	"github.com/openmurano/murano/controller"
)

func TestChoose(t *testing.T) {
	r := controller.StackRequest{Name: "s", Template: []byte("heat_template_version: 2018-08-31\n"), Tags: []string{"murano", "murano-1"}}
	mine := []string{"murano", "murano-1", hashOf(r.Template)}
	other := []string{"murano", "murano-1", hashTag + "0123"}
	stack := func(status string, tags []string) *stacks.RetrievedStack {
		return &stacks.RetrievedStack{Status: status, Tags: tags}
	}
	for name, c := range map[string]struct {
		found *stacks.RetrievedStack
		want  step
	}{
		"nothing there is created":                           {nil, stepCreate},
		"a complete stack of this template is done":          {stack("CREATE_COMPLETE", mine), stepDone},
		"an updated one too":                                 {stack("UPDATE_COMPLETE", mine), stepDone},
		"one that is checked too":                            {stack("CHECK_COMPLETE", mine), stepDone},
		"a stack under way is waited for":                    {stack("CREATE_IN_PROGRESS", mine), stepWait},
		"one under way to another template is waited for":    {stack("UPDATE_IN_PROGRESS", other), stepWait},
		"another template is an update":                      {stack("CREATE_COMPLETE", other), stepUpdate},
		"a failed creation is repaired by an update":         {stack("CREATE_FAILED", mine), stepUpdate},
		"a failed update is repaired by an update":           {stack("UPDATE_FAILED", mine), stepUpdate},
		"a rolled back stack has not what its hash says":     {stack("ROLLBACK_COMPLETE", mine), stepUpdate},
		"a suspended stack is resumed":                       {stack("SUSPEND_COMPLETE", mine), stepResume},
		"a failed deletion is deleted again":                 {stack("DELETE_FAILED", mine), stepDelete},
		"a failed deletion of somebody else's is left alone": {stack("DELETE_FAILED", nil), stepRefuse},
		"a deletion under way is waited for":                 {stack("DELETE_IN_PROGRESS", mine), stepFree},
		"a deleted stack that still has the name too":        {stack("DELETE_COMPLETE", nil), stepFree},
		"a stack without our hash is somebody else's":        {stack("CREATE_COMPLETE", r.Tags), stepRefuse},
		"a stack of another environment is refused":          {stack("CREATE_COMPLETE", []string{"murano", "murano-2", mine[2]}), stepRefuse},
		"a stranger's stack under way is not waited for":     {stack("CREATE_IN_PROGRESS", nil), stepRefuse},
	} {
		t.Run(name, func(t *testing.T) {
			if got := choose(c.found, r); got != c.want {
				t.Errorf("got step %d, want %d", got, c.want)
			}
		})
	}
}

func TestReasonReadsEveryServicesError(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"Heat's validation": {
			`{"code":400,"title":"Bad Request","explanation":"The server could not comply","error":{"type":"StackValidationFailed","traceback":null,"message":"Property error: : resources.vm.properties.flavor: : Error validating value 'm1.nope': No Flavor matching {'name': 'm1.nope'}. (HTTP 404)"}}`,
			"Property error: : resources.vm.properties.flavor: : Error validating value 'm1.nope': No Flavor matching {'name': 'm1.nope'}. (HTTP 404); take a flavor of: openstack flavor list (HTTP 418)",
		},
		"Nova's":              {`{"badRequest":{"code":400,"message":"Invalid key_name provided."}}`, "Invalid key_name provided.; make the keypair (openstack keypair create) or name another (HTTP 418)"},
		"Neutron's":           {`{"NeutronError":{"type":"X","message":"Router r could not be found","detail":""}}`, "Router r could not be found (HTTP 418)"},
		"Keystone's":          {`{"error":{"code":401,"message":"The request you have made requires authentication.","title":"Unauthorized"}}`, "The request you have made requires authentication. (HTTP 418)"},
		"only an explanation": {`{"code":404,"explanation":"The resource could not be found.","title":"Not Found"}`, "The resource could not be found. (HTTP 418)"},
	} {
		t.Run(name, func(t *testing.T) {
			err := reason(gophercloud.ErrUnexpectedResponseCode{Actual: 418, Body: []byte(c.body)})
			if got := err.Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !is(err, 418) {
				t.Error("the code is lost")
			}
			if twice := reason(err); twice.Error() != err.Error() {
				t.Errorf("a second pass changes it: %s", twice)
			}
		})
	}
	plain := gophercloud.ErrUnexpectedResponseCode{Actual: 502, Body: []byte("<html>")}
	if got := reason(plain); got.Error() != plain.Error() {
		t.Errorf("an answer that is no JSON became %s", got)
	}
}

func TestFirstFailedIsTheOneThatFailedOfItself(t *testing.T) {
	events := []stackevents.Event{
		{ResourceName: "s", PhysicalResourceID: "id", ResourceStatus: "CREATE_IN_PROGRESS"},
		{ResourceName: "net", ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "resources.net: Stack CREATE cancelled"},
		{ResourceName: "port", ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "CREATE aborted (user triggered cancel)"},
		{ResourceName: "vm", ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "Forbidden: Quota exceeded for cores"},
		{ResourceName: "other", ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "NotFound"},
	}
	e, ok := firstFailed(events, "id")
	if !ok || e.ResourceName != "vm" {
		t.Errorf("got %q, %v", e.ResourceName, ok)
	}
	if _, ok := firstFailed(events[:3], "id"); ok {
		t.Error("a cancelled resource is blamed")
	}
}

func TestTransient(t *testing.T) {
	code := func(n int) error { return gophercloud.ErrUnexpectedResponseCode{Actual: n} }
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"a gateway without its service": {code(502), true},
		"an overloaded service":         {code(503), true},
		"a bug of the service":          {code(500), true},
		"what is not implemented":       {code(501), false},
		"a refusal":                     {code(403), false},
		"a conflict":                    {code(409), false},
		"a refused connection":          {&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		"a cancelled wait":              {context.Canceled, false},
		"an end in mid answer":          {io.ErrUnexpectedEOF, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := transient(c.err); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRetryGivesUp(t *testing.T) {
	s := &Stacks{patience: time.Millisecond}
	err := s.retry(t.Context(), http.MethodGet, "", nil, gophercloud.ErrUnexpectedResponseCode{Actual: 503}, 3)
	if err == nil || !is(err, 503) || !strings.Contains(err.Error(), "no answer for 1ms") {
		t.Errorf("got %v", err)
	}
	if err := s.retry(t.Context(), http.MethodPost, "", nil, gophercloud.ErrUnexpectedResponseCode{Actual: 503}, 1); err == nil {
		t.Error("a POST that may have arrived is repeated")
	}
}

func TestLookNamesWhatThereIs(t *testing.T) {
	flavors := []thing{{ID: "1", Name: "m1.small"}, {ID: "2", Name: "m1.large"}}
	for name, c := range map[string]struct {
		shelf shelf
		name  string
		there []thing
		want  string
	}{
		"a name that is there":             {shelf{what: "flavor"}, "m1.small", flavors, ""},
		"an ID that is there":              {shelf{what: "flavor"}, "2", flavors, ""},
		"a name that is not":               {shelf{what: "flavor"}, "m1.nope", flavors, "flavor m1.nope not found; there are: m1.large, m1.small"},
		"an empty cloud":                   {shelf{what: "keypair"}, "ops", nil, "keypair ops not found; there is none"},
		"a name that two have":             {shelf{what: "image"}, "d", []thing{{"a", "d", "active"}, {"b", "d", "active"}}, "image d is there 2 times; name one by its ID: a, b"},
		"an image that is not ready":       {shelf{what: "image"}, "d", []thing{{"a", "d", "queued"}}, "image d is queued, not active; upload it again or name another"},
		"an ID wins over a name of others": {shelf{what: "image"}, "a", []thing{{"a", "d", "active"}, {"b", "a", "active"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := c.shelf.look(c.name, c.there); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	for _, v := range []string{"OS_CLOUD", "OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"} {
		t.Setenv(v, "")
	}
	_, err := New(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "source openrc") {
		t.Errorf("got %v", err)
	}
	_, err = New(t.Context(), Options{Cloud: "nope", CloudsFile: "/nonexistent/clouds.yaml"})
	if err == nil || !strings.Contains(err.Error(), `cloud "nope"`) {
		t.Errorf("got %v", err)
	}
}
