// SPDX-License-Identifier: Apache-2.0

// Package rabbitmq gives tests a real RabbitMQ: Debian's, as a child process on
// loopback with a directory, an epmd and ports of its own, which ends with the
// test process, however that ends. install.sh beside this file installs it.
//
// MURANO_TEST_AMQP_URL=amqp://user:password@host:port/vhost names a broker to
// use instead. Where there is neither, tests that need one are skipped, or fail
// if MURANO_TEST_REQUIRE_BROKER is not empty.
package rabbitmq
