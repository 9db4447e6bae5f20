// SPDX-License-Identifier: Apache-2.0

package application

import (
	"os"
	"time"
)

// A feed is the standard input of a script.
type feed struct {
	text        string
	read, write *os.File
	done        chan struct{} // nil before the start
}

func newFeed(text string, a *account) (*feed, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	a.give(read)
	return &feed{text: text, read: read, write: write}, nil
}

// started begins to write, once the script has its end.
func (f *feed) started() {
	f.read.Close()
	f.done = make(chan struct{})
	go func() {
		defer close(f.done)
		f.write.WriteString(f.text) // one who does not read to the end need not
		f.write.Close()
	}()
}

// close ends the writing.
func (f *feed) close() {
	f.read.Close()
	if f.done == nil {
		f.write.Close()
		return
	}
	f.write.SetWriteDeadline(time.Unix(1, 0))
	<-f.done
}
