// SPDX-License-Identifier: Apache-2.0

package rabbitmq

import "syscall"

// ownGroup does nothing: on Windows only MURANO_TEST_AMQP_URL gives a broker.
func ownGroup() *syscall.SysProcAttr { return nil }
