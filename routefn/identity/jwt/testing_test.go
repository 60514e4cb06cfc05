package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuer   = "https://login.example.org"
	audience = "chat"
	secret   = "a secret of more than thirty-two bytes"
)

var (
	noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

	rsaPair, ecPair, edPair, otherPair = mustRSA(), mustEC(), mustEd(), mustEd()
)

func mustRSA() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func mustEC() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func mustEd() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// publicPEM is what an operator has in a file.
func publicPEM(t testing.TB, keys ...crypto.Signer) (text []byte) {
	t.Helper()
	for _, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return text
}

// jwks is a set with the keys, and with more keys, which others has as JSON.
func jwks(t testing.TB, keys map[string]crypto.Signer, others ...string) []byte {
	t.Helper()
	list := make([]json.RawMessage, 0, len(keys)+len(others))
	for id, k := range keys {
		encoded, err := (&jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"}).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, encoded)
	}
	for _, other := range others {
		list = append(list, json.RawMessage(other))
	}
	text, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims are those of a good token for alice, with changes; nil removes a claim.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": audience, "sub": "alice", "exp": noon.Add(time.Minute).Unix(), "iat": noon.Unix(),
	}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

// signedBy is a token that the key signs, whose header names kid unless that is empty.
func signedBy(t testing.TB, algorithm jose.SignatureAlgorithm, key any, kid string, c map[string]any) string {
	t.Helper()
	options := new(jose.SignerOptions)
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(s).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forged is a token with any header. Its signature is the HMAC by the key, or empty if
// there is no key.
func forged(t testing.TB, header string, c map[string]any, key []byte) string {
	t.Helper()
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding
	token := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(body)
	if key == nil {
		return token + "."
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(token))
	return token + "." + b64.EncodeToString(mac.Sum(nil))
}

func parsed(t testing.TB, text []byte) []Key {
	t.Helper()
	keys, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func verifierOf(t testing.TB, keys Source) *Verifier {
	t.Helper()
	v, err := New(Config{Issuer: issuer, Audience: audience, Keys: keys, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// reasonOf returns why a token was refused; empty: it was not.
func reasonOf(t testing.TB, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	why, ok := errors.AsType[*Refusal](err)
	if !ok {
		t.Fatalf("the error is no refusal: %v", err)
	}
	return why.Reason
}

func privatePEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
