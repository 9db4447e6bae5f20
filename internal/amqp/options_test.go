// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openmurano/murano/internal/amqp"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		name, text, want string // user|password|vhost|hosts|tls; or what the error holds
	}{
		{"everything", "amqp://u:p@h:1/v", "u|p|v|[h:1]|false"},
		{"the host alone", "amqp://h", "|||[h]|false"},
		{"several hosts", "amqp://u:p@h1:1,h2,[::1]:3/v", "u|p|v|[h1:1 h2 [::1]:3]|false"},
		{"TLS", "amqps://h", "|||[h]|true"},
		{"special characters", "amqp://u%40x:p%40%3A%2F%23%25@h/%2Fv", "u@x|p@:/#%|/v|[h]|false"},
		{"the default vhost by name", "amqp://h/%2F", "||/|[h]|false"},
		{"another scheme", "http://u:secret@h", "begins neither with amqp:// nor"},
		{"no host", "amqp://u:secret@/v", "names no host"},
		{"a password that is not encoded", "amqp://u:sec%zzret@h", "is not valid"},
		{"a query", "amqp://u:secret@h/v?heartbeat=5", "? or #"},
		{"a port that is none", "amqp://u:secret@h:x", "is not valid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := amqp.ParseURL(tt.text)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sec") {
					t.Errorf("got %q, want %q and no password", err, tt.want)
				}
				return
			}
			got := fmt.Sprintf("%s|%s|%s|%v|%v", o.User, o.Password, o.VHost, o.Hosts, o.TLS != nil)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
