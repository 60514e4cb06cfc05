package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	routeKey = []byte("0123456789abcdef0123456789abcdef")
	otherKey = []byte("fedcba9876543210fedcba9876543210")
	now      = time.UnixMilli(1700000000000)
)

func issuer(t testing.TB, keys ...[]byte) *Issuer {
	t.Helper()
	i, err := NewIssuer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func ticketOfAlice() Ticket {
	return Ticket{
		User: 42, Name: "alice", Device: "phone", Number: 1700000000123, Displaces: Any,
		Node: "node-1", Expires: now.Add(TicketLife),
	}
}

func tokenOfAlice() Token {
	return Token{User: 42, Name: "alice", Device: "phone", Expires: now.Add(TokenLife)}
}

func mustTicket(t testing.TB, i *Issuer, ticket Ticket) string {
	t.Helper()
	s, err := i.Ticket(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustToken(t testing.TB, i *Issuer, token Token) string {
	t.Helper()
	s, err := i.Token(token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The golden values keep tickets, proofs and tokens valid across versions: while
// a cluster is upgraded, old and new routes and nodes read each other's. They were
// computed with other implementations of HKDF, HMAC and Ed25519.
const (
	goldenPublic = "13b56386f3322dfe7439a8439770aa21d90a175d6c219314e4658dc0ac80a12b"
	goldenProof  = "16a237d3b2c337992dc82845d70a1411"
	goldenTicket = "CCoSBWFsaWNlGgVwaG9uZSD70JX_vDEo____________ATIGbm9kZS0xOMD5nP-8MUIQFqI307LDN5ktyChF1woUEcDpUrGM1QdTMjDnwW_exdEkr6Xv_7gYgUVrIzNm_k4gwO_UNewOqUvFrMJtwFg9vQSvWH03OtW1zA0S8zz7JgI"
	goldenToken  = "CCoSBWFsaWNlGgVwaG9uZSCA4JDTxjG8FSs0Nry0MFjv74MPrDOt"
)

func TestTicketAndTokenAreByteForByte(t *testing.T) {
	i := issuer(t, routeKey)
	ticket := ticketOfAlice()
	proof := i.Proof(ticket.User, ticket.Name, ticket.Device, ticket.Number, ticket.Node)
	for what, v := range map[string]struct{ got, want string }{
		"public key": {hex.EncodeToString(i.Public()[0]), goldenPublic},
		"proof":      {hex.EncodeToString(proof), goldenProof},
		"ticket":     {mustTicket(t, i, ticket), goldenTicket},
		"token":      {mustToken(t, i, tokenOfAlice()), goldenToken},
	} {
		if v.got != v.want {
			t.Errorf("%s is\n%s, want\n%s", what, v.got, v.want)
		}
	}
}

func TestTicketSaysWhatWasSigned(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		i := issuer(t, routeKey)
		want := Ticket{
			User: rapid.Int64().Draw(r, "user"), Name: rapid.StringN(0, 64, -1).Draw(r, "name"),
			Device: rapid.StringN(0, 32, -1).Draw(r, "device"), Number: rapid.Int64().Draw(r, "number"),
			Displaces: rapid.Int64().Draw(r, "displaces"), Node: rapid.StringN(0, 64, -1).Draw(r, "node"),
			Expires: now.Add(time.Millisecond * time.Duration(rapid.IntRange(1, 1<<40).Draw(r, "life"))),
		}
		got, err := NewVerifier(i.Public()...).Ticket(mustTicket(t, i, want))
		if err != nil {
			r.Fatal(err)
		}
		if err := i.CheckProof(got.Proof, want.User, want.Name, want.Device, want.Number, want.Node); err != nil {
			r.Fatalf("the proof in the ticket: %v", err)
		}
		proof := got.Proof
		got.Proof = nil
		if fmt.Sprint(got) != fmt.Sprint(want) || len(proof) != macSize {
			r.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestTokenSaysWhatWasIssued(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		i := issuer(t, routeKey)
		want := Token{
			User: rapid.Int64().Draw(r, "user"), Name: rapid.StringN(0, 64, -1).Draw(r, "name"),
			Device: rapid.StringN(0, 32, -1).Draw(r, "device"), Number: rapid.Int64().Draw(r, "number"), Expires: now.Add(TokenLife),
		}
		got, err := i.VerifyToken(mustToken(t, i, want))
		if err != nil || got != want {
			r.Fatalf("got %+v, want %+v, error %v", got, want, err)
		}
	})
}

// TestLongestNamesFit keeps what is issued below what is accepted: 64 characters
// of a name, 32 of a device, and the longest node id a sealed member can have.
func TestLongestNamesFit(t *testing.T) {
	i := issuer(t, routeKey)
	s := mustTicket(t, i, Ticket{
		User: 1<<53 - 1, Name: strings.Repeat("😀", 64), Device: strings.Repeat("d", 32), Number: 1<<63 - 1, Displaces: Any,
		Node: strings.Repeat("n", 255), Expires: now.Add(TicketLife),
	})
	if _, err := NewVerifier(i.Public()...).Ticket(s); err != nil {
		t.Errorf("a ticket of %d characters: %v", len(s), err)
	}
	if len(s) > maxInput/2 {
		t.Errorf("a ticket of %d characters is near the limit", len(s))
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	i := issuer(t, routeKey)
	v := NewVerifier(i.Public()...)
	for what, tc := range map[string]struct {
		text  string
		check func(string) error
	}{
		"ticket": {mustTicket(t, i, ticketOfAlice()), func(s string) error { _, err := v.Ticket(s); return err }},
		"token":  {mustToken(t, i, tokenOfAlice()), func(s string) error { _, err := i.VerifyToken(s); return err }},
	} {
		if err := tc.check(tc.text); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(raw) {
			bent := bytes.Clone(raw)
			bent[bit/8] ^= 1 << (bit % 8)
			if err := tc.check(base64.RawURLEncoding.EncodeToString(bent)); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s with bit %d flipped: %v", what, bit, err)
			}
		}
		for n := range len(raw) {
			if err := tc.check(base64.RawURLEncoding.EncodeToString(raw[:n])); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s cut to %d bytes: %v", what, n, err)
			}
		}
		if err := tc.check(base64.RawURLEncoding.EncodeToString(append(raw, 0))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s with a byte behind: %v", what, err)
		}
	}
}

// TestOneTicketHasOneSpelling checks that no other text decodes to the same ticket,
// because tickets may be remembered as text.
func TestOneTicketHasOneSpelling(t *testing.T) {
	i := issuer(t, routeKey)
	v := NewVerifier(i.Public()...)
	ticket, token := mustTicket(t, i, ticketOfAlice()), mustToken(t, i, tokenOfAlice())
	for what, respell := range map[string]func(string) string{
		"a line feed behind":       func(s string) string { return s + "\n" },
		"a line feed inside":       func(s string) string { return s[:10] + "\n" + s[10:] },
		"a carriage return inside": func(s string) string { return s[:10] + "\r" + s[10:] },
		"a space in front":         func(s string) string { return " " + s },
		"padding":                  func(s string) string { return s + "=" },
		"the other alphabet":       func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) },
		"stray bits at the end":    func(s string) string { return s[:len(s)-1] + string(s[len(s)-1]+1) },
		"nothing":                  func(string) string { return "" },
		"very much":                func(s string) string { return s + strings.Repeat("A", 1<<20) },
	} {
		if s := respell(ticket); s != ticket {
			if _, err := v.Ticket(s); !errors.Is(err, ErrInvalid) {
				t.Errorf("ticket, %s: %v", what, err)
			}
		}
		if s := respell(token); s != token {
			if _, err := i.VerifyToken(s); !errors.Is(err, ErrInvalid) {
				t.Errorf("token, %s: %v", what, err)
			}
		}
	}
}

func TestAnotherClusterIsRefused(t *testing.T) {
	ours, theirs := issuer(t, routeKey), issuer(t, otherKey)
	if _, err := NewVerifier(ours.Public()...).Ticket(mustTicket(t, theirs, ticketOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("ticket: %v", err)
	}
	if _, err := ours.VerifyToken(mustToken(t, theirs, tokenOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("token: %v", err)
	}
}

func TestTicketIsNoTokenAndTokenIsNoTicket(t *testing.T) {
	i := issuer(t, routeKey)
	if _, err := i.VerifyToken(mustTicket(t, i, ticketOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("a ticket as a token: %v", err)
	}
	if _, err := NewVerifier(i.Public()...).Ticket(mustToken(t, i, tokenOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("a token as a ticket: %v", err)
	}
}

func TestBothKeysVerifyDuringAChange(t *testing.T) {
	before, after, both := issuer(t, routeKey), issuer(t, otherKey), issuer(t, otherKey, routeKey)
	during := NewVerifier(both.Public()...)
	for what, i := range map[string]*Issuer{"the old key": before, "the new key": after} {
		if _, err := during.Ticket(mustTicket(t, i, ticketOfAlice())); err != nil {
			t.Errorf("a ticket under %s: %v", what, err)
		}
		if got, err := both.VerifyToken(mustToken(t, i, tokenOfAlice())); err != nil || got != tokenOfAlice() {
			t.Errorf("a token under %s: %+v, %v", what, got, err)
		}
		if err := both.CheckProof(i.Proof(42, "alice", "phone", 7, "node-1"), 42, "alice", "phone", 7, "node-1"); err != nil {
			t.Errorf("a proof under %s: %v", what, err)
		}
	}
	for what, s := range map[string]string{"ticket": mustTicket(t, both, ticketOfAlice()), "token": mustToken(t, both, tokenOfAlice())} {
		_, ticket := NewVerifier(after.Public()...).Ticket(s)
		_, token := after.VerifyToken(s)
		if ticket != nil && token != nil {
			t.Errorf("a %s is not made with the first key", what)
		}
	}
	if err := before.CheckProof(both.Proof(42, "alice", "phone", 7, "node-1"), 42, "alice", "phone", 7, "node-1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a proof is not made with the first key: %v", err)
	}
	if _, err := NewVerifier(after.Public()...).Ticket(mustTicket(t, before, ticketOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("a ticket under the old key after the change: %v", err)
	}
	if _, err := NewVerifier().Ticket(mustTicket(t, after, ticketOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("a verifier without keys: %v", err)
	}
}

func TestVerifierTakesKeysLater(t *testing.T) {
	before, after := issuer(t, routeKey), issuer(t, otherKey)
	v := NewVerifier()
	if v.Ready() {
		t.Error("ready without a key")
	}
	v.Set(before.Public()...)
	if _, err := v.Ticket(mustTicket(t, before, ticketOfAlice())); err != nil || !v.Ready() {
		t.Errorf("after the first Set: %v, ready %v", err, v.Ready())
	}
	var wg sync.WaitGroup
	wg.Go(func() { v.Set(after.Public()...) }) // while tickets are verified
	for range 10 {
		if _, err := v.Ticket(mustTicket(t, before, ticketOfAlice())); err != nil && !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	}
	wg.Wait()
	if _, err := v.Ticket(mustTicket(t, before, ticketOfAlice())); !errors.Is(err, ErrInvalid) {
		t.Errorf("a ticket under a key that was replaced: %v", err)
	}
	if _, err := v.Ticket(mustTicket(t, after, ticketOfAlice())); err != nil {
		t.Errorf("a ticket under the new key: %v", err)
	}
}

func TestShortRouteKeyIsRefused(t *testing.T) {
	for n := range 17 {
		if _, err := NewIssuer(make([]byte, n)); (err == nil) != (n >= 16) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

func TestWrongPublicKeyPanicsAtStart(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a key of 31 bytes was taken")
		}
	}()
	NewVerifier(make(ed25519.PublicKey, 31))
}

func TestNamesThatAreNotUTF8AreNotSigned(t *testing.T) {
	i := issuer(t, routeKey)
	if _, err := i.Ticket(Ticket{Name: "\xff"}); err == nil {
		t.Error("ticket")
	}
	if _, err := i.Token(Token{Name: "\xff"}); err == nil {
		t.Error("token")
	}
}

func TestOneIssuerServesManyGoroutines(t *testing.T) {
	i := issuer(t, routeKey)
	v := NewVerifier(i.Public()...)
	var wg sync.WaitGroup
	for user := range int64(8) {
		wg.Go(func() {
			for n := range int64(20) {
				s, err := i.Ticket(Ticket{User: user, Number: n, Node: "node-1", Expires: now.Add(TicketLife)})
				if err != nil {
					t.Error(err)
					return
				}
				ticket, err := v.Ticket(s)
				if err != nil || ticket.User != user || ticket.Number != n {
					t.Errorf("%+v, %v", ticket, err)
				}
				if err := i.CheckProof(ticket.Proof, user, "", "", n, "node-1"); err != nil {
					t.Error(err)
				}
				s, err = i.Token(Token{User: user, Expires: now.Add(TokenLife)})
				if err != nil {
					t.Error(err)
					return
				}
				if token, err := i.VerifyToken(s); err != nil || token.User != user {
					t.Errorf("%+v, %v", token, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzTicket(f *testing.F) {
	i := issuer(f, routeKey)
	v := NewVerifier(i.Public()...)
	valid := mustTicket(f, i, ticketOfAlice())
	fuzzText(f, valid, func(s string) error { _, err := v.Ticket(s); return err })
}

func FuzzToken(f *testing.F) {
	i := issuer(f, routeKey)
	valid := mustToken(f, i, tokenOfAlice())
	fuzzText(f, valid, func(s string) error { _, err := i.VerifyToken(s); return err })
}

// fuzzText checks that the text valid is the only one that passes.
func fuzzText(f *testing.F, valid string, check func(string) error) {
	for _, seed := range []string{valid, "", "A", valid[:len(valid)/2], valid + valid} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		switch err := check(s); {
		case s == valid && err != nil:
			t.Fatal(err)
		case s != valid && !errors.Is(err, ErrInvalid):
			t.Fatalf("%q: %v", s, err)
		}
	})
}
