// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// ParsePrivateKey reads a PEM block: PKCS #8 or PKCS #1, RSA or Ed25519, not
// encrypted. White space before and after lines is ignored.
func ParsePrivateKey(text string) (crypto.Signer, error) {
	block, err := pemBlock(text)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("read private key: it is encrypted; remove its passphrase with openssl pkey")
		}
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("read private key: it is encrypted; remove its passphrase with openssl pkey")
	case "OPENSSH PRIVATE KEY":
		return nil, fmt.Errorf("read private key: it is in OpenSSH's own form; convert a copy with ssh-keygen -p -m PEM")
	default:
		return nil, fmt.Errorf("read private key: a PEM block %q is none; make one with openssl genpkey", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("read private key %q: %w", block.Type, err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("read private key: %T signs no plans; use RSA or Ed25519", key)
}

func pemBlock(text string) (*pem.Block, error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("there is none; give the PEM text with its BEGIN and END lines")
	}
	block, _ := pem.Decode([]byte(strings.Join(lines, "\n") + "\n"))
	if block == nil {
		return nil, fmt.Errorf("no PEM block in it; give the whole text with its BEGIN and END lines")
	}
	return block, nil
}
