package jwt

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Signer makes tokens. Make it with NewSigner.
type Signer struct{ signer jose.Signer }

// NewSigner returns a Signer with the key in a text: a private key in PEM (PKCS #8), or a
// secret.
func NewSigner(text []byte) (*Signer, error) {
	key, err := signingKey(bytes.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("read the key of tokens: %w", err)
	}
	s, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("sign tokens: %w", err)
	}
	return &Signer{s}, nil
}

func signingKey(text []byte) (jose.SigningKey, error) {
	if !bytes.Contains(text, []byte(pemBegin)) {
		k, err := secretKey(text)
		return jose.SigningKey{Algorithm: k.algorithm, Key: k.value}, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return jose.SigningKey{}, errors.New("want a block of PEM with PRIVATE KEY")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return jose.SigningKey{}, err
	}
	pair, ok := private.(crypto.Signer)
	if !ok {
		return jose.SigningKey{}, errKind
	}
	public, err := publicKey("", pair.Public())
	return jose.SigningKey{Algorithm: public.algorithm, Key: private}, err
}

// Claims are the claims of a token.
type Claims struct {
	Issuer, Audience string
	Subject          string
	Issued, Expires  time.Time
	Devices          []string // empty: all
	Role             string   // in the system; empty: the token names none
}

// Sign returns a token.
func (s *Signer) Sign(c Claims) (string, error) {
	b := jwt.Signed(s.signer).Claims(jwt.Claims{
		Issuer: c.Issuer, Audience: jwt.Audience{c.Audience}, Subject: c.Subject,
		IssuedAt: jwt.NewNumericDate(c.Issued), Expiry: jwt.NewNumericDate(c.Expires),
	})
	if len(c.Devices) > 0 {
		b = b.Claims(map[string]any{DevicesClaim: c.Devices})
	}
	if c.Role != "" {
		b = b.Claims(map[string]any{RoleClaim: c.Role})
	}
	return b.Serialize()
}
