package client

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// shown records the tokens that requests show, by path, and refuses those that a test
// names.
type shown struct {
	next   http.RoundTripper
	refuse string // how the header begins that no route takes; empty: none

	mu   sync.Mutex
	seen []string
}

func (s *shown) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.seen = append(s.seen, r.URL.Path+" "+r.Header.Get("Authorization"))
	s.mu.Unlock()
	if s.refuse != "" && strings.HasPrefix(r.Header.Get("Authorization"), s.refuse) {
		body := fmt.Sprintf(`{"code":%d}`, proto.Unauthorized)
		return &http.Response{StatusCode: http.StatusUnauthorized, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	return s.next.RoundTrip(r)
}

// taken returns what was seen since the last call.
func (s *shown) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// pairSender is a sender of a cluster whose logins answer with all tokens.
func pairSender(t *testing.T) (*Sender, *cluster, *shown) {
	t.Helper()
	k := newCluster()
	k.pairs = true
	s := &shown{next: k}
	cfg := k.config()
	cfg.HTTP = &http.Client{Transport: s}
	sender, err := NewSender(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.taken()
	return sender, k, s
}

func sends(t *testing.T, s *Sender) error {
	t.Helper()
	_, err := s.Send(t.Context(), Outgoing{To: bob, Text: "hi"})
	return err
}

func TestAccessTokenIsRenewedWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender, _, s := pairSender(t)
		for _, want := range [][]string{
			{"/v1/send Bearer access-1"},
			{"/v1/refresh Bearer token", "/v1/send Bearer access-2"},
			{"/v1/refresh Bearer token", "/v1/send Bearer access-3"},
		} {
			if err := sends(t, sender); err != nil {
				t.Fatal(err)
			}
			if got := s.taken(); !slices.Equal(got, want) {
				t.Errorf("requests were %q, want %q", got, want)
			}
			time.Sleep(9*time.Minute + 31*time.Second)
		}
	})
}

func TestManyRequestsRenewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender, k, _ := pairSender(t)
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := sender.Send(t.Context(), Outgoing{To: int64(100 + i), Text: "hi"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if k.refreshes != 1 {
			t.Errorf("%d refreshes", k.refreshes)
		}
	})
}

// A route that does not know refresh tokens, and one that is too busy, are no obstacle:
// the token of the login still counts.
func TestRequestsGoOnWithoutAnAccessToken(t *testing.T) {
	for _, code := range []proto.Code{proto.NotFound, proto.Unauthorized, proto.Overloaded, proto.Unavailable} {
		synctest.Test(t, func(t *testing.T) {
			sender, k, s := pairSender(t)
			time.Sleep(time.Hour)
			k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
				if path == proto.PathRefresh {
					return refuse(code)
				}
				return nil
			})
			if err := sends(t, sender); err != nil {
				t.Errorf("%v: %v", code, err)
			}
			if got := s.taken(); got[len(got)-1] != "/v1/send Bearer token" {
				t.Errorf("%v: requests were %q", code, got)
			}
			for _, wait := range []time.Duration{0, renewPause} { // a route with too much to do is not asked at once
				time.Sleep(wait)
				k.setOnCall(nil)
				_ = sends(t, sender)
				again := slices.Contains(s.taken(), "/v1/refresh Bearer token")
				if want := wait > 0 && code.Retry() != proto.RetryNever; again != want {
					t.Errorf("%v: refreshed again after %v: %v, want %v", code, wait, again, want)
				}
			}
		})
	}
}

// The machine slept, and its clock stood still: all access tokens are refused that were
// made before. A client that has nothing but tokens goes on, with all of its requests.
func TestAccessTokenThatEndedEarlyIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.pairs = true
		s := &shown{next: k}
		cfg := k.config()
		cfg.HTTP, cfg.Name, cfg.Password, cfg.Token = &http.Client{Transport: s}, "", "", "token"
		sender, err := NewSender(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		s.refuse = "Bearer access-1"
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := sender.Send(t.Context(), Outgoing{To: int64(100 + i), Text: "hi"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if k.refreshes != 1 || len(k.logins) != 1 {
			t.Errorf("%d refreshes, %d logins", k.refreshes, len(k.logins))
		}
	})
}

// Even if the next access token is refused, too, the token of the login counts.
func TestTokenOfTheLoginStandsInForAccessTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender, k, s := pairSender(t)
		s.refuse = "Bearer access-"
		for _, want := range [][]string{
			{"/v1/send Bearer access-1", "/v1/refresh Bearer token", "/v1/send Bearer access-2", "/v1/send Bearer token"},
			{"/v1/send Bearer token"},
		} {
			if err := sends(t, sender); err != nil {
				t.Error(err)
			}
			if got := s.taken(); !slices.Equal(got, want) {
				t.Errorf("requests were %q, want %q", got, want)
			}
		}
		if n := len(k.logins); n != 1 {
			t.Errorf("%d logins", n)
		}
	})
}

func TestStolenTokenIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender, k, _ := pairSender(t)
		time.Sleep(time.Hour)
		k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
			if path == proto.PathRefresh {
				return refuse(proto.SessionEnded)
			}
			return nil
		})
		if err := sends(t, sender); codeOf(err) != proto.SessionEnded {
			t.Errorf("sent: %v", err)
		}
	})
}

func TestNewPasswordIsUsedFromThenOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c, err := Connect(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.ChangePassword(t.Context(), "wrong", "next"); codeOf(err) != proto.WrongPassword {
			t.Errorf("a wrong password: %v", err)
		}
		if err := c.ChangePassword(t.Context(), "secret", "next"); err != nil {
			t.Fatal(err)
		}
		c.account.routes.credentials.clear() // its token counts no more
		_, _ = c.account.login(t.Context(), nil, 0)
		k.mu.Lock()
		defer k.mu.Unlock()
		if last := k.logins[len(k.logins)-1]; last.Password != "next" || last.Token != "" {
			t.Errorf("the login is %+v", last)
		}
	})
}

func TestSessionsOfTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c, err := Connect(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		list, err := c.Sessions(t.Context())
		if err != nil || len(list) != 1 || list[0].Device != "laptop" || !list[0].Own {
			t.Errorf("sessions are %+v, %v", list, err)
		}
		for want, end := range map[string]func() error{
			`{"device":"phone"}`: func() error { return c.EndSession(t.Context(), "phone") },
			`{"others":true}`:    func() error { return c.EndOtherSessions(t.Context()) },
			`{"all":true}`:       func() error { return c.EndAllSessions(t.Context()) },
		} {
			if err := end(); err != nil || k.ended != want {
				t.Errorf("asked for %s, %v, want %s", k.ended, err, want)
			}
		}
	})
}
