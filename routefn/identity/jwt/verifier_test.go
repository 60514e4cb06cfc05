package jwt

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cim-go/cim/proto"
)

func TestKeysOfAllKindsVerify(t *testing.T) {
	all := append(parsed(t, publicPEM(t, rsaPair, ecPair, edPair)), parsed(t, []byte(secret))...)
	v := verifierOf(t, NewFixed(all...))
	for name, token := range map[string]string{
		"RS256": signedBy(t, jose.RS256, rsaPair, "", claims(nil)),
		"ES256": signedBy(t, jose.ES256, ecPair, "", claims(nil)),
		"EdDSA": signedBy(t, jose.EdDSA, edPair, "", claims(nil)),
		"HS256": signedBy(t, jose.HS256, []byte(secret), "", claims(nil)),
		"a kid": signedBy(t, jose.EdDSA, edPair, "any", claims(nil)), // a file gives keys no ids
	} {
		b, err := v.Verify(t.Context(), token)
		if want := (Bearer{Issuer: issuer, Subject: "alice", Name: "alice"}); err != nil || !reflect.DeepEqual(b, want) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

func TestForgedSignaturesAreRefused(t *testing.T) {
	file := publicPEM(t, rsaPair)
	der := strings.ReplaceAll(string(file), "\n", "")
	both := append(parsed(t, publicPEM(t, rsaPair)), parsed(t, []byte(secret))...)
	good := signedBy(t, jose.EdDSA, edPair, "", claims(nil))
	for name, c := range map[string]struct {
		keys  []Key
		token string
		want  Reason
	}{
		"alg none":                       {parsed(t, file), forged(t, `{"alg":"none"}`, claims(nil), nil), Malformed},
		"alg None":                       {parsed(t, file), forged(t, `{"alg":"None"}`, claims(nil), nil), Malformed},
		"no alg":                         {parsed(t, file), forged(t, `{"typ":"JWT"}`, claims(nil), nil), Malformed},
		"public key as secret":           {parsed(t, file), forged(t, `{"alg":"HS256"}`, claims(nil), file), UnknownKey},
		"public key in one line":         {parsed(t, file), forged(t, `{"alg":"HS256"}`, claims(nil), []byte(der)), UnknownKey},
		"public key beside a secret":     {both, forged(t, `{"alg":"HS256"}`, claims(nil), file), WrongSign},
		"no signature":                   {parsed(t, []byte(secret)), forged(t, `{"alg":"HS256"}`, claims(nil), nil), WrongSign},
		"key in the header":              {parsed(t, file), forged(t, `{"alg":"HS256","jwk":{"kty":"oct","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}}`, claims(nil), []byte("01234567890123456789012345678901")), Malformed},
		"unknown critical header":        {parsed(t, []byte(secret)), forged(t, `{"alg":"HS256","crit":["x"],"x":1}`, claims(nil), []byte(secret)), WrongSign},
		"another algorithm of the key":   {parsed(t, file), signedBy(t, jose.RS512, rsaPair, "", claims(nil)), Malformed},
		"another one of the same kind":   {parsed(t, publicPEM(t, edPair)), signedBy(t, jose.EdDSA, otherPair, "", claims(nil)), WrongSign},
		"another algorithm than the key": {parsed(t, publicPEM(t, edPair)), signedBy(t, jose.ES256, ecPair, "", claims(nil)), UnknownKey},
		"two tokens' parts":              {parsed(t, publicPEM(t, edPair)), swapped(good, signedBy(t, jose.EdDSA, edPair, "", claims(map[string]any{"sub": "bob"}))), WrongSign},
		"no token":                       {parsed(t, file), "alice", Malformed},
		"nothing":                        {parsed(t, file), "", Malformed},
		"one megabyte":                   {parsed(t, file), strings.Repeat("a.b.", 256<<10), TooLong},
		"good, and too long":             {parsed(t, publicPEM(t, edPair)), signedBy(t, jose.EdDSA, edPair, "", claims(map[string]any{"x": strings.Repeat("x", MaxToken)})), TooLong},
	} {
		if _, err := verifierOf(t, NewFixed(c.keys...)).Verify(t.Context(), c.token); reasonOf(t, err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// swapped is a token with the claims of another one.
func swapped(token, other string) string {
	a, b := strings.Split(token, "."), strings.Split(other, ".")
	return a[0] + "." + b[1] + "." + a[2]
}

func TestClaimsAreJudged(t *testing.T) {
	v := verifierOf(t, NewFixed(parsed(t, publicPEM(t, edPair))...))
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for name, c := range map[string]struct {
		changes map[string]any
		want    Reason
	}{
		"expired within leeway":    {map[string]any{"exp": at(-Leeway + time.Second)}, ""},
		"expired":                  {map[string]any{"exp": at(-Leeway - time.Second)}, Expired},
		"no expiry":                {map[string]any{"exp": nil}, Expired},
		"expiry is a text":         {map[string]any{"exp": "tomorrow"}, Malformed},
		"expiry beyond all time":   {map[string]any{"exp": 1e300}, Malformed},
		"valid within leeway":      {map[string]any{"nbf": at(Leeway - time.Second)}, ""},
		"not yet valid":            {map[string]any{"nbf": at(Leeway + time.Second)}, Early},
		"made a second from now":   {map[string]any{"iat": at(time.Second)}, ""},
		"made in an hour":          {map[string]any{"iat": at(time.Hour)}, Early},
		"no time of making":        {map[string]any{"iat": nil}, ""},
		"list of audiences":        {map[string]any{"aud": []string{"mail", audience}}, ""},
		"list without ours":        {map[string]any{"aud": []string{"mail", audience + "s"}}, WrongAudience},
		"empty list":               {map[string]any{"aud": []string{}}, WrongAudience},
		"another audience":         {map[string]any{"aud": "mail"}, WrongAudience},
		"no audience":              {map[string]any{"aud": nil}, WrongAudience},
		"another issuer":           {map[string]any{"iss": issuer + "/"}, WrongIssuer},
		"no issuer":                {map[string]any{"iss": nil}, WrongIssuer},
		"no subject":               {map[string]any{"sub": nil}, WrongClaims},
		"long subject":             {map[string]any{"sub": strings.Repeat("a", maxSubject+1)}, WrongClaims},
		"devices":                  {map[string]any{DevicesClaim: []string{"phone"}}, ""},
		"role":                     {map[string]any{RoleClaim: "moderator"}, ""},
		"unknown role":             {map[string]any{RoleClaim: "admin"}, WrongClaims},
		"role is null":             {map[string]any{RoleClaim: json.RawMessage("null")}, WrongClaims},
		"role is a list":           {map[string]any{RoleClaim: []string{"user"}}, WrongClaims},
		"devices are no list":      {map[string]any{DevicesClaim: "phone"}, WrongClaims},
		"devices are null":         {map[string]any{DevicesClaim: []string(nil)}, WrongClaims},
		"devices are a list of it": {map[string]any{DevicesClaim: []int{1}}, WrongClaims},
	} {
		if _, err := v.Verify(t.Context(), signedBy(t, jose.EdDSA, edPair, "", claims(c.changes))); reasonOf(t, err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestTokenNamesItsDevicesAndItsName(t *testing.T) {
	v, err := New(Config{
		Issuer: issuer, Audience: audience, Keys: NewFixed(parsed(t, publicPEM(t, edPair))...), Name: "nickname", Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(changes map[string]any) (Bearer, error) {
		return v.Verify(t.Context(), signedBy(t, jose.EdDSA, edPair, "", claims(changes)))
	}
	b, err := verify(map[string]any{"sub": "17", "nickname": "alice", DevicesClaim: []string{"phone", "desk"}})
	if err != nil || b.Subject != "17" || b.Name != "alice" || !b.Allows("desk") || b.Allows("kiosk") {
		t.Errorf("%+v, %v", b, err)
	}
	if b, err := verify(map[string]any{"nickname": "alice", DevicesClaim: []string{}}); err != nil || b.Allows("phone") {
		t.Errorf("an empty list allows a device: %+v, %v", b, err)
	}
	for _, wrong := range []any{nil, "", 17} {
		if _, err := verify(map[string]any{"nickname": wrong}); reasonOf(t, err) != WrongClaims {
			t.Errorf("name %v: %v", wrong, err)
		}
	}
}

// The refusal of an expired token is final, and that for a missing key is not. The ranges
// of the codes say so.
func TestRefusalsSayWhetherToComeBack(t *testing.T) {
	for _, why := range Reasons() {
		if why == WrongClaims || why == WrongName {
			continue // each case has a sentence of its own
		}
		refused, ok := errors.AsType[*proto.Error](Refuse(why))
		if !ok || refused == nil {
			t.Errorf("%s: no error for the caller", why)
			continue
		}
		want := proto.RetryNever
		if why == NoKeys {
			want = proto.RetryLater
		}
		if refused.Code.Retry() != want {
			t.Errorf("%s has the code %v", why, refused.Code)
		}
	}
}

func TestKeysAreRead(t *testing.T) {
	private := privatePEM(t, edPair)
	weak := publicPEM(t, rsaPair)
	for name, c := range map[string]struct {
		text []byte
		want []jose.SignatureAlgorithm
	}{
		"three kinds":            {publicPEM(t, rsaPair, ecPair, edPair), []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}},
		"two secrets":            {[]byte(secret + "\n\n another " + secret + "\n"), []jose.SignatureAlgorithm{jose.HS256, jose.HS256}},
		"short secret":           {[]byte("thirty-one bytes, one too few.."), nil},
		"nothing":                {[]byte("  \n"), nil},
		"private key":            {private, nil},
		"public and private key": {append(publicPEM(t, ecPair), private...), nil},
		"broken PEM":             {weak[:len(weak)-30], nil},
		"too many keys":          {[]byte(strings.Repeat(secret+"\n", maxKeys+1)), nil},
	} {
		keys, err := ParseKeys(c.text)
		var got []jose.SignatureAlgorithm
		for _, k := range keys {
			got = append(got, k.algorithm)
		}
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestSignedTokensAreVerified(t *testing.T) {
	for name, c := range map[string]struct{ signs, verifies []byte }{
		"Ed25519": {privatePEM(t, edPair), publicPEM(t, edPair)},
		"P-256":   {privatePEM(t, ecPair), publicPEM(t, ecPair)},
		"RSA":     {privatePEM(t, rsaPair), publicPEM(t, rsaPair)},
		"secret":  {[]byte(secret + "\n"), []byte(secret)},
	} {
		s, err := NewSigner(c.signs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		token, err := s.Sign(Claims{
			Issuer: issuer, Audience: audience, Subject: "alice", Issued: noon, Expires: noon.Add(time.Hour), Devices: []string{"phone"},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := verifierOf(t, NewFixed(parsed(t, c.verifies)...)).Verify(t.Context(), token)
		if err != nil || b.Subject != "alice" || b.Allows("desk") || !b.Allows("phone") {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
	if _, err := NewSigner(publicPEM(t, edPair)); err == nil {
		t.Error("a public key signs")
	}
}
