// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"errors"
	"fmt"
)

// Content decodes the Body of an inline file. Base64 is read as Python's
// base64.b64decode does: what is outside the alphabet is skipped, padding ends
// it. The content need not be text (murano-agent 12.0.0 refused what is not
// UTF-8). It is an error to ask a Downloadable.
func (f File) Content() ([]byte, error) {
	switch {
	case f.Type == Downloadable:
		return nil, fmt.Errorf("file %q is to be downloaded from %s", f.Name, f.URL)
	case f.BodyType == "Base64":
		return decodeBase64(f.Body)
	case valid(f.Body) != f.Body:
		return nil, fmt.Errorf("file %q holds half a character (a lone surrogate), which UTF-8 cannot write", f.Name)
	}
	return []byte(f.Body), nil
}

func decodeBase64(s string) ([]byte, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var sextet [256]byte
	for i := range sextet {
		sextet[i] = 0xff
	}
	for i := range len(alphabet) {
		sextet[alphabet[i]] = byte(i)
	}
	out := make([]byte, 0, len(s)/4*3+3)
	var left uint32
	place, pads := 0, 0
	for i := range len(s) {
		if s[i] == '=' {
			if place >= 2 {
				if pads++; place+pads >= 4 {
					return out, nil
				}
			}
			continue
		}
		n := sextet[s[i]]
		if n == 0xff {
			continue
		}
		pads = 0
		left = left<<6 | uint32(n)
		if place++; place > 1 {
			out = append(out, byte(left>>(8-2*place)))
		}
		place %= 4
	}
	switch place {
	case 0:
		return out, nil
	case 1:
		return nil, errors.New("base64 ends in the middle of a byte: one character is missing or too much")
	}
	return nil, errors.New("base64 lacks its padding: Incorrect padding")
}
