package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// hostCounter counts requests by host; the host "broken" does not answer.
type hostCounter struct {
	next  http.RoundTripper
	asked map[string]int
}

func (h hostCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	h.asked[r.URL.Host]++
	if r.URL.Host == "broken" {
		return nil, errors.New("connection refused")
	}
	return h.next.RoundTrip(r)
}

func TestSenderRepeatsUntilAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		failures := 3
		k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
			if path == proto.PathSend && failures > 0 {
				failures--
				return refuse(proto.Unknown)
			}
			return nil
		})
		s, err := NewSender(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Send(t.Context(), Outgoing{ID: "x", To: bob, Text: "hi"})
		if err != nil || r.At.Number != 2 || s.Self().User != alice {
			t.Errorf("receipt %v, %v", r, err)
		}
		if len(s.conversations) != 0 {
			t.Errorf("%d conversations are remembered", len(s.conversations))
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return refuse(proto.Unavailable) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Send(ctx, Outgoing{To: bob, Text: "hi"}); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("send: %v", err)
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return refuse(proto.NotMember) })
		if _, err := s.Send(t.Context(), Outgoing{Group: 9, Text: "hi"}); codeOf(err) != proto.NotMember {
			t.Errorf("send: %v", err)
		}
	})
}

func TestSenderHasOneMessageOfAConversationInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		s, err := NewSender(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		leave, _ := s.enter(t.Context(), conversation{to: bob})
		other, err := s.enter(t.Context(), conversation{group: 1})
		if err != nil {
			t.Fatal(err)
		}
		other()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Send(ctx, Outgoing{To: bob, Text: "second"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second in flight: %v", err)
		}
		leave()
		if _, err := s.Send(t.Context(), Outgoing{To: bob, Text: "second"}); err != nil {
			t.Error(err)
		}
	})
}

// A route that has too much to do names a time, and the client makes no request of any
// kind to it before that. Nothing is lost by that.
func TestRefusedCallsComeBackWhenTheyWereTold(t *testing.T) {
	for _, path := range []string{proto.PathSend, proto.PathLogin, proto.PathPull} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newCluster()
				s, err := NewSender(t.Context(), k.config())
				if err != nil {
					t.Fatal(err)
				}
				var asked []time.Time
				k.setOnCall(func(called string, _ []byte) *proto.ErrorAnswer {
					if called != path {
						return nil
					}
					if asked = append(asked, time.Now()); len(asked) > 3 {
						return nil
					}
					return refuse(proto.Overloaded)
				})
				c := connect(t, k.config())
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := s.Send(ctx, Outgoing{To: bob, Text: "hi"}); err != nil {
					t.Error(err)
				}
				k.store(0, "not pushed")
				k.tellNewest()
				for _, want := range []string{"hi", "not pushed"} {
					if m, err := c.Receive(ctx); err != nil || m.Text != want {
						t.Errorf("got %v, %v, want %q", m, err, want)
					}
				}
				if len(asked) < 4 {
					t.Fatalf("asked %d times", len(asked))
				}
				for i := range 3 {
					if after := asked[i+1].Sub(asked[i]); after < 3*time.Second || after > 12*time.Second {
						t.Errorf("refusal %d: came back after %v, told 3 s", i, after)
					}
				}
			})
		})
	}
}
