// SPDX-License-Identifier: Apache-2.0

// Package conformance compares this agent with OpenStack's Python murano-agent
// 12.0.0: it sends the messages of a corpus of cases to the real program over
// a real RabbitMQ and judges the answers by what the old agent answered, or by
// what the case wants where that was a defect. README.md describes the cases.
package conformance
