package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// between answers for the routes while status is not zero, as a proxy does.
type between struct {
	next     http.RoundTripper
	status   atomic.Int32
	location string
	asked    atomic.Int32
}

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	status := int(b.status.Load())
	if status == 0 || r.URL.Host == "elsewhere" {
		return b.next.RoundTrip(r)
	}
	b.asked.Add(1)
	header := make(http.Header)
	if b.location != "" {
		header.Set("Location", b.location+r.URL.Path)
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: header, Request: r,
		Body: io.NopCloser(strings.NewReader("<html>no</html>")),
	}, nil
}

// A message that a proxy refuses for good was not stored. The client does not send it
// again.
func TestRefusalOfAProxyIsFinal(t *testing.T) {
	for status, final := range map[int]bool{
		400: true, 401: true, 403: true, 404: true, 405: true, 413: true, 414: true, 431: true, 451: true,
		408: false, 425: false, 429: false, 500: false, 502: false, 503: false, 504: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCluster()
			b := &between{next: k}
			cfg := k.config()
			cfg.HTTP = &http.Client{Transport: b}
			s, err := NewSender(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			b.status.Store(int32(status))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err = s.Send(ctx, Outgoing{To: bob, Text: "hi"})
			if errors.Is(err, ErrNotRoute) != final || errors.Is(err, ErrOutcomeUnknown) == final || (b.asked.Load() == 1) != final {
				t.Errorf("%d: %v, asked %d times", status, err, b.asked.Load())
			}
		})
	}
}

// A client that runs goes on after such an answer, because a proxy between it and the
// routes may change.
func TestClientOutlivesWhatAnswersForTheRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		b := &between{next: k}
		cfg := k.config()
		cfg.HTTP = &http.Client{Transport: b}
		c := connect(t, cfg)
		b.status.Store(http.StatusNotFound)
		if _, err := c.Groups(t.Context()); !errors.Is(err, ErrNotRoute) {
			t.Errorf("groups: %v", err)
		}
		k.kick(proto.GoingAway)
		time.Sleep(time.Minute)
		b.status.Store(0)
		k.say(proto.Inbox, "still there?")
		expect(t, c, "still there?")

		b.status.Store(http.StatusNotFound)
		if _, err := Connect(t.Context(), cfg); !errors.Is(err, ErrNotRoute) {
			t.Errorf("a client that begins: %v", err)
		}
	})
}

// After a try whose outcome is unknown, a refusal of a later try does not show the
// outcome of the first one.
func TestRefusalOfAProxyMakesNothingKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		b := &between{next: k}
		cfg := k.config()
		cfg.HTTP = &http.Client{Transport: b}
		s, err := NewSender(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer {
			b.status.Store(http.StatusForbidden)
			return refuse(proto.Unknown)
		})
		if _, err := s.Send(t.Context(), Outgoing{To: bob, Text: "hi"}); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, ErrNotRoute) {
			t.Errorf("send: %v", err)
		}
	})
}

func TestRedirectThatLosesTheRequestIsToldAndOthersAreFollowed(t *testing.T) {
	for status, final := range map[int]bool{301: true, 302: true, 303: true, 307: false, 308: false} {
		synctest.Test(t, func(t *testing.T) {
			k := newCluster()
			b := &between{next: k, location: "https://elsewhere"}
			b.status.Store(int32(status))
			cfg := k.config()
			cfg.HTTP = &http.Client{Transport: b}
			_, err := NewSender(t.Context(), cfg)
			switch told := err != nil && strings.Contains(err.Error(), "https://elsewhere"+proto.PathLogin); {
			case final && (!told || !errors.Is(err, ErrNotRoute) || b.asked.Load() != 1):
				t.Errorf("%d: %v, asked %d times", status, err, b.asked.Load())
			case !final && err != nil:
				t.Errorf("%d: %v", status, err)
			}
		})
	}
}
