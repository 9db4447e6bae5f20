// SPDX-License-Identifier: Apache-2.0

//go:build race

package main

// raceDetector tells that the program is built with it, and is many times larger.
const raceDetector = true
