// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// A part is what has come of a file so far. Its zero value with a dir has
// nothing yet.
type part struct {
	dir  string
	file *os.File // nil means nothing has come
	sum  hash.Hash
	size int64 // bytes that have come
	// total is the size of the whole file, -1 where the server did not say.
	total int64
	// validator is a strong ETag or a Last-Modified that tells this file from
	// one that took its place; empty means the server gave none.
	validator string
	etag      string
	pieced    bool // it came in more than one answer
	whole     bool // the server is not to be asked for a part again
}

// elsewhere makes the part ready for another URL. What has come is kept if the
// file's sum is known, which will tell whether both have the same file.
func (p *part) elsewhere(sumKnown bool) {
	if p.size == 0 || !sumKnown {
		p.drop()
	}
	p.validator, p.etag, p.whole = "", "", false
}

// begin makes the part ready for a file from its first byte, as response brings it.
func (p *part) begin(response *http.Response) error {
	if p.file == nil {
		f, err := os.CreateTemp(p.dir, ".download-*")
		if err != nil {
			return err
		}
		p.file = f
	}
	p.drop()
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.total, p.etag = response.ContentLength, response.Header.Get("ETag")
	p.validator = validator(response.Header)
	return nil
}

// drop forgets what has come.
func (p *part) drop() {
	p.size, p.total, p.validator, p.etag, p.pieced = 0, -1, "", "", false
	p.sum = sha256.New()
}

// validator tells a file from one that takes its place (RFC 9110, 13.1.5 and
// 8.8.2.2: no weak ETag, no date that is younger than a second).
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" {
		if strings.HasPrefix(tag, "W/") {
			return ""
		}
		return tag
	}
	changed, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	if now, err := http.ParseTime(h.Get("Date")); err != nil || now.Sub(changed) < time.Second {
		return ""
	}
	return h.Get("Last-Modified")
}

// ask makes request one for the rest of the file, if the rest can be told to
// be of this file: by its validator, or in the end by its known sum.
func (p *part) ask(request *http.Request, sumKnown bool) {
	if p.size == 0 || p.whole || p.validator == "" && !sumKnown {
		return
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
	if p.validator != "" {
		request.Header.Set("If-Range", p.validator)
	}
}

// goesOn tells whether response is the rest that was asked for.
func (p *part) goesOn(response *http.Response) bool {
	// Content-Range: bytes 5-9/10, or 5-9/*
	span, ok := strings.CutPrefix(response.Header.Get("Content-Range"), "bytes ")
	span, total, ok2 := strings.Cut(span, "/")
	start, _, ok3 := strings.Cut(span, "-")
	if from, err := strconv.ParseInt(start, 10, 64); !ok || !ok2 || !ok3 || err != nil || from != p.size {
		return false
	}
	if n, err := strconv.ParseInt(total, 10, 64); err == nil {
		if p.total >= 0 && n != p.total {
			return false
		}
		p.total = n
	}
	tag := response.Header.Get("ETag")
	return p.etag == "" || tag == "" || tag == p.etag
}

// Write keeps the next bytes.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.sum.Write(b[:n])
	p.size += int64(n)
	return n, err
}

// place gives the file its name.
func (p *part) place(path string) error {
	err := errors.Join(p.file.Chmod(0o644), p.file.Close())
	if err == nil {
		err = os.Rename(p.file.Name(), path)
	}
	if err != nil {
		return errors.Join(withoutPath(err), os.Remove(p.file.Name()))
	}
	p.file = nil
	return nil
}

// discard removes what has come.
func (p *part) discard() error {
	if p.file == nil {
		return nil
	}
	p.file.Close() // nothing in it is wanted
	err := os.Remove(p.file.Name())
	p.file = nil
	return err
}

// withoutPath takes the file's name out of err: it may hold a query's credentials.
func withoutPath(err error) error {
	var link *os.LinkError
	if errors.As(err, &link) {
		return fmt.Errorf("%s: %w", link.Op, link.Err)
	}
	return err
}
