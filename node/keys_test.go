package node

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// rekeyed makes the routes issue tickets with another key. The function answer decides
// how they return that key.
func rekeyed(t *testing.T, w *town, answer func() (*proto.FireAnswer, error)) {
	t.Helper()
	issuer, err := token.NewIssuer([]byte("the key of an empty store"))
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = issuer
	w.route.set(func(s *script) {
		s.fires = nil
		s.fire = func(q *proto.FireRequest) (*proto.FireAnswer, error) {
			if !q.Keys {
				return nil, errAway // it fires later
			}
			return answer()
		}
	})
}

// questions counts the questions for keys.
func questions(w *town) (n int) {
	w.route.set(func(s *script) {
		for _, q := range s.fires {
			if q.Keys {
				n++
			}
		}
	})
	return n
}

// If routes have made another key, the node requests it, once for all logins with
// tickets of that key.
func TestTicketOfANewKeyIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		var tell [][]byte
		rekeyed(t, w, func() (*proto.FireAnswer, error) { return &proto.FireAnswer{Keys: tell}, nil })
		tell = [][]byte{w.issuer.Public()[0]}
		var peers []*peer
		for n := range int64(20) {
			peers = append(peers, w.dial(t, &proto.Frame{Ticket: w.ticket(t, 1, n+1, func(k *token.Ticket) { k.Device = string(rune('a' + n)) })}))
		}
		for _, p := range peers {
			if f := p.next(t); f.Cmd != proto.Command_LOGIN_ANSWER {
				t.Errorf("got %v", f)
			}
		}
		if n := questions(w); n < 1 || n > 3 {
			t.Errorf("asked %d times for 20 logins", n)
		}
	})
}

// A client pings while it waits for the login answer, also while its node asks for the key
// of its ticket. A code that ends the connection would keep the client away for good.
func TestPingBeforeTheKeyIsKnownIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		var tell [][]byte
		rekeyed(t, w, func() (*proto.FireAnswer, error) {
			time.Sleep(2 * time.Second)
			return &proto.FireAnswer{Keys: tell}, nil
		})
		tell = [][]byte{w.issuer.Public()[0]}
		p := w.withTicket(t, 1, 5)
		synctest.Wait()
		p.write(t, &proto.Frame{Cmd: proto.Command_PING})
		for _, want := range []proto.Command{proto.Command_PING, proto.Command_LOGIN_ANSWER} {
			if f := p.next(t); f.Cmd != want {
				t.Fatalf("got %v instead of %v", f, want)
			}
		}
	})
}

// As its pings are answered, a client cannot know that its login hangs. So the node
// ends the login, and the client tries another node.
func TestLoginWaitsForAKeyAsLongAsForARouteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		rekeyed(t, w, func() (*proto.FireAnswer, error) {
			time.Sleep(time.Minute)
			return nil, errAway
		})
		begun := time.Now()
		p := w.withTicket(t, 1, 5)
		synctest.Wait()
		p.write(t, &proto.Frame{Cmd: proto.Command_PING})
		if f := p.next(t); f.Cmd != proto.Command_PING {
			t.Fatalf("got %v", f)
		}
		p.kicked(t, proto.Unavailable)
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A ticket that no key verifies is refused for good only if a route answered that is
// sure to know all keys.
func TestUnknownKeyIsNotFinalWhileKeysMayBeOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		for _, c := range []struct {
			answer *proto.FireAnswer
			err    error
			want   proto.Code
		}{
			{nil, errAway, proto.Unavailable},
			{&proto.FireAnswer{Keys: [][]byte{w.issuer.Public()[0]}, Unsettled: true}, nil, proto.Unavailable},
			{&proto.FireAnswer{Keys: [][]byte{w.issuer.Public()[0]}}, nil, proto.BadTicket},
		} {
			rekeyed(t, w, func() (*proto.FireAnswer, error) { return c.answer, c.err })
			w.withTicket(t, 1, 5).kicked(t, c.want)
		}
	})
}

// Forged tickets make the node ask at most four times per second. Bytes that are no
// ticket at all cause no request.
func TestMadeUpTicketsAskLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		public := w.issuer.Public()[0]
		rekeyed(t, w, func() (*proto.FireAnswer, error) { return &proto.FireAnswer{Keys: [][]byte{public}}, nil })
		w.dial(t, &proto.Frame{Ticket: "no ticket"}).kicked(t, proto.BadTicket)
		if n := questions(w); n != 0 {
			t.Errorf("asked %d times for what is no ticket", n)
		}
		for range 100 {
			w.withTicket(t, 1, 5)
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		if n := questions(w); n > 10 {
			t.Errorf("asked %d times in two seconds", n)
		}
	})
}

// After a loss of the store, nodes at once report again the sessions that it lost.
func TestLossOfTheStoreIsMadeGoodAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.withTicket(t, 1, 5).next(t)
		var lost atomic.Int64
		w.route.set(func(s *script) {
			s.fire = func(*proto.FireRequest) (*proto.FireAnswer, error) {
				return &proto.FireAnswer{Next: 1000, Lost: lost.Load()}, nil
			}
		})
		time.Sleep(2 * time.Second)
		for range 3 {
			w.route.set(func(s *script) { s.reconciles = nil })
			lost.Add(1)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			w.route.set(func(s *script) {
				held := 0
				for _, q := range s.reconciles {
					held += len(q.Held)
				}
				if held == 0 {
					t.Error("the connection was not reconciled within two seconds")
				}
			})
		}
	})
}
