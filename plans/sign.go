// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrSignature says that a message is not signed by the key, for this queue.
var ErrSignature = errors.New("signature does not match")

// Sign signs body, on its way to queue, as Murano's engine does: over the
// queue's name followed by the body. The queue is in it so that a plan for one
// guest cannot be replayed to another. An RSA key gives RSA PKCS #1 v1.5 with
// SHA-256, which Murano knows; an Ed25519 key gives Ed25519, which only this
// project's agents know.
func Sign(key crypto.Signer, queue string, body []byte) ([]byte, error) {
	text := signedText(queue, body)
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256(text)
		return key.Sign(rand.Reader, sum[:], crypto.SHA256)
	case ed25519.PublicKey:
		return key.Sign(rand.Reader, text, crypto.Hash(0))
	default:
		return nil, fmt.Errorf("sign for queue %q: a key of type %T cannot sign plans; use RSA or Ed25519", queue, public)
	}
}

// Verify tells whether m was signed with the private half of key for queue.
// An error wraps ErrSignature.
func Verify(key crypto.PublicKey, queue string, m Message) error {
	if len(m.Signature) == 0 {
		return fmt.Errorf("message for queue %q is not signed: %w", queue, ErrSignature)
	}
	text := signedText(queue, m.Body)
	switch key := key.(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256(text)
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], m.Signature); err != nil {
			return fmt.Errorf("message for queue %q: %w", queue, ErrSignature)
		}
	case ed25519.PublicKey:
		if !ed25519.Verify(key, text, m.Signature) {
			return fmt.Errorf("message for queue %q: %w", queue, ErrSignature)
		}
	default:
		return fmt.Errorf("message for queue %q: a key of type %T verifies no plans, use RSA or Ed25519: %w", queue, key, ErrSignature)
	}
	return nil
}

func signedText(queue string, body []byte) []byte {
	text := make([]byte, 0, len(queue)+len(body))
	return append(append(text, queue...), body...)
}
