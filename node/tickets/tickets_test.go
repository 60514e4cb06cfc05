package tickets

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

func issuer(t *testing.T, seed string) *token.Issuer {
	t.Helper()
	i, err := token.NewIssuer([]byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func ticket(t *testing.T, i *token.Issuer, node string) string {
	t.Helper()
	s, err := i.Ticket(token.Ticket{
		User: 1, Name: "alice", Device: "phone", Number: 5, Displaces: token.Any, Node: node, Expires: time.Now().Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// poller answers calls for keys.
type poller struct {
	poll func() (*proto.FireAnswer, error)
}

func (p poller) Poll(_ context.Context, keys bool) (*proto.FireAnswer, error) {
	if !keys {
		return nil, errors.New("not a call for keys")
	}
	return p.poll()
}

func checker(open bool, v *token.Verifier, poll func() (*proto.FireAnswer, error)) *Checker {
	return New(Config{
		Node: "n1", Verifier: v, Open: open, Poller: poller{poll},
		Failed: prometheus.NewCounter(prometheus.CounterOpts{}), Logger: slog.New(slog.DiscardHandler),
	})
}

func TestLoginIsJudgedByItsTicketOrByOpenMode(t *testing.T) {
	ours, other := issuer(t, "0123456789abcdef"), issuer(t, "fedcba9876543210")
	knowing := token.NewVerifier(ours.Public()...)
	for name, tt := range map[string]struct {
		frame    *proto.Frame
		verifier *token.Verifier
		open     bool
		plain    bool
		refused  proto.Code
		user     int64
		cim      bool
	}{
		"good ticket":              {frame: &proto.Frame{Ticket: ticket(t, ours, "n1")}, user: 1},
		"ticket of another node":   {frame: &proto.Frame{Ticket: ticket(t, ours, "n2")}, refused: proto.WrongNode},
		"ticket of an unknown key": {frame: &proto.Frame{Ticket: ticket(t, other, "n1")}, refused: proto.BadTicket},
		"garbage":                  {frame: &proto.Frame{Ticket: "garbage"}, refused: proto.BadTicket},
		"no key yet":               {frame: &proto.Frame{Ticket: ticket(t, ours, "n1")}, verifier: token.NewVerifier(), refused: proto.Unavailable},
		"CIM":                      {frame: &proto.Frame{RequestId: 7, ReqMsg: "bob"}, open: true, plain: true, user: 7, cim: true},
		"CIM, not in open mode":    {frame: &proto.Frame{RequestId: 7, ReqMsg: "bob"}, plain: true, refused: proto.BadTicket},
		"CIM, over WebSocket":      {frame: &proto.Frame{RequestId: 7, ReqMsg: "bob"}, open: true, refused: proto.BadTicket},
		"CIM, an empty frame":      {frame: &proto.Frame{}, open: true, plain: true, refused: proto.Invalid},
	} {
		v := tt.verifier
		if v == nil {
			v = knowing
		}
		who, refused := checker(tt.open, v, nil).Identify(tt.frame, tt.plain)
		switch {
		case tt.refused != proto.OK:
			if refused == nil || refused.Code != tt.refused {
				t.Errorf("%s: refused with %v, want %v", name, refused, tt.refused)
			}
		case refused != nil || who.User != tt.user || who.CIM != tt.cim:
			t.Errorf("%s: %+v, %v", name, who, refused)
		}
	}
}

// login records how it was judged.
type login struct{ judged chan bool }

func (l login) Judge(_ *proto.Frame, settled bool) { l.judged <- settled }

func TestOneCallForKeysServesAllLoginsThatWait(t *testing.T) {
	for name, tt := range map[string]struct {
		answer  *proto.FireAnswer
		err     error
		settled bool
	}{
		"a route is sure":     {answer: &proto.FireAnswer{}, settled: true},
		"a route is not sure": {answer: &proto.FireAnswer{Unsettled: true}},
		"no route answers":    {err: errors.New("away")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				c := checker(false, token.NewVerifier(), func() (*proto.FireAnswer, error) {
					calls.Add(1)
					return tt.answer, tt.err
				})
				l := login{make(chan bool, maxUnverified)}
				for range maxUnverified {
					if !c.Wait(l, new(proto.Frame)) {
						t.Fatal("there is no room")
					}
				}
				if c.Wait(l, new(proto.Frame)) {
					t.Error("more logins wait than may")
				}
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { c.Run(ctx) })
				synctest.Wait()
				if calls.Load() != 1 || len(l.judged) != maxUnverified {
					t.Errorf("%d calls, %d logins judged", calls.Load(), len(l.judged))
				}
				if got := <-l.judged; got != tt.settled {
					t.Errorf("settled %v, want %v", got, tt.settled)
				}
				c.Wait(l, new(proto.Frame))
				synctest.Wait()
				if calls.Load() != 1 {
					t.Error("two calls without a pause")
				}
				time.Sleep(keysSoonest)
				synctest.Wait()
				if calls.Load() != 2 {
					t.Errorf("%d calls after the pause, want 2", calls.Load())
				}
				stop()
				running.Wait()
			})
		})
	}
}
