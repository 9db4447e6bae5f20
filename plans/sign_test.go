// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

const queue = "e6f2-h31"

func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": r, "Ed25519": e}
}

func TestVerifyTakesOnlyWhatWasSignedForTheQueue(t *testing.T) {
	text := []byte(`{"Body": "return é"}`)
	other := keys(t)
	for name, key := range keys(t) {
		t.Run(name, func(t *testing.T) {
			signature, err := plans.Sign(key, queue, text)
			if err != nil {
				t.Fatal(err)
			}
			signed := plans.Message{Body: text, Signature: signature}
			if err := plans.Verify(key.Public(), queue, signed); err != nil {
				t.Errorf("its own signature: %v", err)
			}
			broken := append([]byte(nil), signature...)
			broken[7] ^= 1
			for what, err := range map[string]error{
				"another queue":        plans.Verify(key.Public(), "e6f2-h32", signed),
				"another key":          plans.Verify(other[name].Public(), queue, signed),
				"another body":         plans.Verify(key.Public(), queue, plans.Message{Body: text[1:], Signature: signature}),
				"a border moved":       plans.Verify(key.Public(), queue+"{", plans.Message{Body: text[2:], Signature: signature}),
				"a bit turned":         plans.Verify(key.Public(), queue, plans.Message{Body: text, Signature: broken}),
				"a signature cut":      plans.Verify(key.Public(), queue, plans.Message{Body: text, Signature: signature[:10]}),
				"no signature":         plans.Verify(key.Public(), queue, plans.Message{Body: text}),
				"a key that cannot":    plans.Verify("key", queue, signed),
				"no key":               plans.Verify(nil, queue, signed),
				"the other kind of it": plans.Verify(map[string]crypto.Signer{"RSA": other["Ed25519"], "Ed25519": other["RSA"]}[name].Public(), queue, signed),
			} {
				if !errors.Is(err, plans.ErrSignature) {
					t.Errorf("%s: got %v, want ErrSignature", what, err)
				}
			}
		})
	}
}

// Murano's engine signs with cryptography's RSA PKCS1v15 and SHA256; openssl
// makes the same signature.
func TestSignMakesTheSignatureThatOpenSSLMakes(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here")
	}
	key := keys(t)["RSA"].(*rsa.PrivateKey)
	file := filepath.Join(t.TempDir(), "key.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	text := `{"Body": "return"}`
	cmd := exec.CommandContext(t.Context(), openssl, "dgst", "-sha256", "-sign", file)
	cmd.Stdin = strings.NewReader(queue + text)
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := plans.Sign(key, queue, []byte(text))
	if err != nil || string(got) != string(want) {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum(queue+text), got); err != nil {
		t.Error(err)
	}
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func TestSignRefusesAKeyOfAnotherKind(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plans.Sign(key, queue, nil); err == nil || !strings.Contains(err.Error(), "use RSA or Ed25519") {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreReadInEveryForm(t *testing.T) {
	for name, key := range keys(t) {
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		private := map[string]string{"PRIVATE KEY": block("PRIVATE KEY", pkcs8)}
		if r, ok := key.(*rsa.PrivateKey); ok {
			private["RSA PRIVATE KEY"] = block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r))
		}
		for form, text := range private {
			for _, text := range []string{text, indented(text), strings.ReplaceAll(text, "\n", "\r\n")} {
				got, err := plans.ParsePrivateKey(text)
				if err != nil || !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
					t.Errorf("%s %s: %v", name, form, err)
				}
			}
		}
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// indented is the form in which Murano's engine writes engine_key to agent.conf.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n\t") + "\n"
}

func TestAKeyThatCannotBeReadSaysWhatToDo(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecPublic, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", " \n\t", "BEGIN and END"},
		{"no PEM", "AAAA", "BEGIN and END"},
		{"a public key of another kind", block("PUBLIC KEY", ecPublic), "openssl genpkey"},
		{"an encrypted key", block("ENCRYPTED PRIVATE KEY", []byte{1}), "remove its passphrase"},
		{"an encrypted PKCS #1 key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "remove its passphrase"},
		{"OpenSSH's own form", block("OPENSSH PRIVATE KEY", []byte{1}), "ssh-keygen -p -m PEM"},
		{"a block of another content", block("PUBLIC KEY", []byte{1, 2}), "openssl genpkey"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := plans.ParsePrivateKey(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
