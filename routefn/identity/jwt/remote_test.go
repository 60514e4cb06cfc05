package jwt

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/failure"
)

// provider is what is at a URL.
type provider struct {
	mu    sync.Mutex
	text  []byte
	err   error
	takes time.Duration
	calls int
}

func (p *provider) fetch(context.Context, string) ([]byte, error) {
	p.mu.Lock()
	text, err, takes := p.text, p.err, p.takes
	p.calls++
	p.mu.Unlock()
	time.Sleep(takes)
	return text, err
}

func (p *provider) set(text []byte, err error, takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.err, p.takes = text, err, takes
}

func (p *provider) called() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// remoteWorld is a verifier with the keys at a URL, by the clock of a bubble.
type remoteWorld struct {
	*provider
	t *testing.T
	v *Verifier
}

func newRemoteWorld(t *testing.T, text []byte) *remoteWorld {
	t.Helper()
	p := &provider{text: text}
	v, err := New(Config{Issuer: issuer, Audience: audience, Keys: NewRemote(RemoteConfig{URL: "https://keys", Fetch: p.fetch})})
	if err != nil {
		t.Fatal(err)
	}
	return &remoteWorld{p, t, v}
}

// verify verifies a good token that names a key.
func (w *remoteWorld) verify(kid string, pair crypto.Signer) error {
	w.t.Helper()
	algorithm := jose.EdDSA
	if pair == crypto.Signer(rsaPair) {
		algorithm = jose.RS256
	}
	now := time.Now()
	c := claims(map[string]any{"iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
	_, err := w.v.Verify(w.t.Context(), signedBy(w.t, algorithm, pair, kid, c))
	return err
}

func (w *remoteWorld) want(what, kid string, pair crypto.Signer, reason Reason, calls int) {
	w.t.Helper()
	if err := w.verify(kid, pair); reasonOf(w.t, err) != reason {
		w.t.Errorf("%s: %v, want %q", what, err, reason)
	}
	if n := w.called(); n != calls {
		w.t.Errorf("%s: fetched %d times, want %d", what, n, calls)
	}
}

func TestRotatedKeyIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"a": edPair, "r": rsaPair}))
		w.want("first token", "a", edPair, "", 1)
		w.want("two kinds of key", "r", rsaPair, "", 1)
		w.want("another key right after", "b", otherPair, NoKeys, 1)
		time.Sleep(fetchPause)
		w.want("another key", "b", otherPair, UnknownKey, 2)
		w.set(jwks(t, map[string]crypto.Signer{"a": edPair, "b": otherPair}), nil, 0)
		time.Sleep(fetchPause)
		w.want("rotated key", "b", otherPair, "", 3)
		w.want("old key", "a", edPair, "", 3)
		w.want("key of another id", "a", otherPair, WrongSign, 3)
		w.set(jwks(t, map[string]crypto.Signer{"b": otherPair}), nil, 0)
		w.want("removed key, before the next fetch", "a", edPair, "", 3)
		time.Sleep(freshFor)
		w.want("removed key", "a", edPair, UnknownKey, 4)
	})
}

func TestTokenWithoutKidFitsOnlyKeysWithoutID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"a": edPair}))
		w.want("key with an id", "", edPair, UnknownKey, 1)
		w = newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"": edPair}))
		w.want("key without an id", "", edPair, "", 1)
	})
}

func TestUnreachableKeysServeForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"a": edPair}))
		w.want("first token", "a", edPair, "", 1)
		w.set(nil, errors.New("down"), 0)
		time.Sleep(30 * time.Minute)
		w.want("down for half an hour", "a", edPair, "", 2)
		w.want("right after", "a", edPair, "", 2)
		w.want("another key", "b", otherPair, NoKeys, 2)
		time.Sleep(30 * time.Minute)
		w.want("down for an hour", "a", edPair, "", 3)
		time.Sleep(time.Second + fetchPause)
		w.want("down for more than an hour", "a", edPair, NoKeys, 4)
		err := w.verify("a", edPair)
		if e, ok := errors.AsType[*proto.Error](err); !ok || e.Code != proto.Unavailable || e.Code.Retry() != proto.RetryLater {
			t.Errorf("%v", err)
		}
		if after := failure.After(err); after <= 0 || after > fetchPause {
			t.Errorf("come back after %v", after)
		}
		w.set(jwks(t, map[string]crypto.Signer{"a": edPair}), nil, 0)
		time.Sleep(fetchPause)
		w.want("up again", "a", edPair, "", 5)
	})
}

func TestUnknownKeysAreFetchedAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"a": edPair}))
		for i := range 600 {
			if reason := reasonOf(t, w.verify(fmt.Sprint("unknown-", i), otherPair)); reason != UnknownKey && reason != NoKeys {
				t.Fatalf("refused for %s", reason)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.called(); n > 6 {
			t.Errorf("fetched %d times in a minute", n)
		}
		w.want("a known key meanwhile", "a", edPair, "", w.called())
	})
}

// A provider that hangs delays the login that fetches, and nobody else whose key is known.
func TestHangingProviderDelaysOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"a": edPair}))
		w.want("first token", "a", edPair, "", 1)
		w.set(nil, errors.New("timeout"), 5*time.Second)
		time.Sleep(freshFor)
		var logins sync.WaitGroup
		begun := time.Now()
		slow := 0
		var mu sync.Mutex
		for range 50 {
			logins.Go(func() {
				if err := w.verify("a", edPair); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if time.Since(begun) > 0 {
					slow++
				}
			})
		}
		logins.Wait()
		if slow != 1 || w.called() != 2 {
			t.Errorf("%d of 50 logins waited, and the keys were fetched %d times", slow, w.called())
		}
	})
}

// A key that cannot be looked up now may be good, also for those who waited for the try of
// another login.
func TestFailedFetchRefusesNobodyForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, jwks(t, map[string]crypto.Signer{"a": edPair}))
		w.want("first token", "a", edPair, "", 1)
		w.set(nil, errors.New("timeout"), 5*time.Second)
		time.Sleep(fetchPause)
		var logins sync.WaitGroup
		for range 10 {
			logins.Go(func() {
				if reason := reasonOf(t, w.verify("b", otherPair)); reason != NoKeys {
					t.Errorf("refused for %q", reason)
				}
			})
		}
		logins.Wait()
		if n := w.called(); n != 2 {
			t.Errorf("fetched %d times", n)
		}
	})
}

func TestFirstLoginsShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRemoteWorld(t, nil)
		w.set(jwks(t, map[string]crypto.Signer{"a": edPair}), nil, time.Second)
		var logins sync.WaitGroup
		for range 50 {
			logins.Go(func() {
				if err := w.verify("a", edPair); err != nil {
					t.Error(err)
				}
			})
		}
		logins.Wait()
		if n := w.called(); n != 1 {
			t.Errorf("fetched %d times", n)
		}
	})
}

func TestSetsAreReadAsFarAsTheyAreUseful(t *testing.T) {
	keys := map[string]crypto.Signer{"a": edPair}
	for name, c := range map[string]struct {
		text []byte
		want int
	}{
		"one key":                     {jwks(t, keys), 1},
		"beside an unknown kind":      {jwks(t, keys, `{"kty":"PQ","kid":"x"}`), 1},
		"beside a secret":             {jwks(t, keys, `{"kty":"oct","kid":"x","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}`), 1},
		"beside one to encrypt":       {jwks(t, keys, strings.Replace(string(member(t, "b", otherPair)), `"use":"sig"`, `"use":"enc"`, 1)), 1},
		"beside one of another alg":   {jwks(t, keys, strings.Replace(string(member(t, "b", rsaPair)), `"use":"sig"`, `"use":"sig","alg":"PS256"`, 1)), 1},
		"a secret alone":              {jwks(t, nil, `{"kty":"oct","kid":"x","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}`), 0},
		"no key":                      {[]byte(`{"keys":[]}`), 0},
		"no set":                      {[]byte(`{}`), 0},
		"no JSON":                     {[]byte(`<html>`), 0},
		"more keys than any provider": {jwks(t, keys, strings.Split(strings.Repeat(`{"kty":"PQ"} `, maxKeys), " ")[:maxKeys]...), 0},
	} {
		got, err := parseSet(c.text)
		if len(got) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d keys, %v", name, len(got), err)
		}
	}
}

func member(t testing.TB, id string, key crypto.Signer) []byte {
	t.Helper()
	text := jwks(t, map[string]crypto.Signer{id: key})
	return text[len(`{"keys":[`) : len(text)-len(`]}`)]
}
