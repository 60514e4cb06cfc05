package jwt

import (
	"crypto"
	"reflect"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Each token that is accepted says what one of the keys signed.
func FuzzToken(f *testing.F) {
	keys := append(parsed(f, publicPEM(f, rsaPair, ecPair, edPair)), parsed(f, []byte(secret))...)
	v := verifierOf(f, NewFixed(keys...))
	for _, token := range []string{
		signedBy(f, jose.RS256, rsaPair, "", claims(nil)), signedBy(f, jose.ES256, ecPair, "a", claims(nil)),
		signedBy(f, jose.EdDSA, edPair, "", claims(nil)), signedBy(f, jose.HS256, []byte(secret), "", claims(nil)),
		signedBy(f, jose.EdDSA, edPair, "", claims(map[string]any{"exp": 1})), signedBy(f, jose.EdDSA, otherPair, "", claims(nil)),
		forged(f, `{"alg":"none"}`, claims(nil), nil), forged(f, `{"alg":"HS256"}`, claims(nil), publicPEM(f, rsaPair)), "a.b.c", "",
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		b, err := v.Verify(t.Context(), token)
		if err != nil {
			reasonOf(t, err)
			return
		}
		if want := (Bearer{Issuer: issuer, Subject: "alice", Name: "alice"}); !reflect.DeepEqual(b, want) {
			t.Errorf("%q is of %+v", token, b)
		}
	})
}

// No key of a set is a secret, whatever text is at its URL.
func FuzzSet(f *testing.F) {
	f.Add(jwks(f, map[string]crypto.Signer{"r": rsaPair, "e": ecPair, "d": edPair}))
	f.Add(jwks(f, nil, `{"kty":"oct","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}`, `{"kty":"PQ"}`, `{}`, `null`, `7`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseSet(text)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if k.algorithm == jose.HS256 {
				t.Errorf("%q has a secret", text)
			}
		}
	})
}
