package node

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

func send(id string) *proto.Frame {
	return &proto.Frame{Cmd: proto.Command_SEND, Id: id, To: 2, ReqMsg: "text of " + id}
}

// settled logs in a user whose messages count as new, because a route looked for one of
// them and did not find it. It forgets the requests to routes up to then.
func (w *town) settled(t *testing.T, user, number int64) *peer {
	t.Helper()
	p := w.login(t, user, number)
	p.write(t, send("settled"))
	wantAnswer(t, p, "settled", proto.OK)
	w.route.set(func(s *script) { s.sends = nil })
	return p
}

// ids returns the ids in a request, with a star behind those that are marked as
// repetitions.
func ids(r *proto.SendRequest) []string {
	var list []string
	for _, item := range r.Items {
		id := item.Id
		if item.Again {
			id += "*"
		}
		list = append(list, id)
	}
	return list
}

func TestSendIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		p.write(t, send("a"))
		f := p.next(t)
		if f.Cmd != proto.Command_SEND_ANSWER || f.Id != "a" || f.Code != 0 || f.At.GetNumber() != 1 || f.Time != 5 {
			t.Errorf("got %v", f)
		}
		r := w.route.sends[0]
		if s := r.Items[0].Session; s.User != 1 || s.Number != 5 || len(s.Proof) == 0 || r.Origin.Node != nodeID {
			t.Errorf("handed on %v", r)
		}
		// The sender's own copy is not pushed to the sender, who learns its place from
		// the answer.
		w.Reconcile()
		synctest.Wait()
		held := w.route.reconciles[0]
		for _, r := range w.route.reconciles {
			if len(r.Held) > 0 {
				held = r
			}
		}
		if newest := held.Held[0].Newest; newest.GetNumber() != 1 || newest.GetKey() != "1:a" {
			t.Errorf("holds %v", held)
		}
	})
}

func TestSendRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		for _, f := range []*proto.Frame{
			{Id: "", To: 2, ReqMsg: "x"},
			{Id: strings.Repeat("x", 65), To: 2, ReqMsg: "x"},
			{Id: "a b", To: 2, ReqMsg: "x"},
			{Id: "a", ReqMsg: "x"},
			{Id: "a", To: 2, Group: 1, ReqMsg: "x"},
			{Id: "a", To: 2, Group: -1, ReqMsg: "x"},
			{Id: "a", To: -2, ReqMsg: "x"},
			{Id: "a", To: 2},
		} {
			f.Cmd = proto.Command_SEND
			p.write(t, f)
			if answer := p.next(t); proto.Code(answer.Code) != proto.Invalid || answer.Id != f.Id {
				t.Errorf("%v was answered with %v", f, answer)
			}
		}
		if len(w.route.sends) > 0 {
			t.Error("a refused message was handed on")
		}
	})
}

func TestMessagesFormBatchesWhileOneIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.settled(t, 1, 5)
		inFlight := make(chan struct{})
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				<-inFlight
				return accepted(r), nil
			}
		})
		p.write(t, send("a"))
		synctest.Wait()
		p.write(t, send("b"), send("c"))
		synctest.Wait()
		close(inFlight)
		synctest.Wait()
		if len(w.route.sends) != 2 || !slices.Equal(ids(w.route.sends[1]), []string{"b", "c"}) {
			t.Errorf("%d requests", len(w.route.sends))
		}
	})
}

// A message with an unknown outcome goes first and is marked as a repetition. Later
// messages of its connection wait behind it. Messages of other connections do not wait.
func TestUnknownOutcomeGoesFirstAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.settled(t, 1, 5)
		results := []func(*proto.SendRequest) (*proto.SendAnswer, error){
			func(*proto.SendRequest) (*proto.SendAnswer, error) { return nil, errAway },
			func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				return &proto.SendAnswer{Items: []*proto.SendResult{{Code: int32(proto.Unavailable)}}}, nil
			},
		}
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				if len(results) > 0 {
					next := results[0]
					results = results[1:]
					return next(r)
				}
				return accepted(r), nil
			}
		})
		p.write(t, send("a"))
		synctest.Wait() // the first try failed, the lane waits before the next
		p.write(t, send("b"), send("c"))
		for _, want := range []string{"a", "b", "c"} {
			if f := p.next(t); f.Id != want || f.Code != 0 {
				t.Errorf("got %v, want the answer to %s", f, want)
			}
		}
		var got []string
		for _, r := range w.route.sends {
			got = append(got, strings.Join(ids(r), " "))
		}
		if want := []string{"a", "a*", "a*", "b c"}; !slices.Equal(got, want) {
			t.Errorf("requests %q, want %q", got, want)
		}
	})
}

// A message over its sender's rate waits at the node. It is sent again as a first try,
// until it has waited too long. Other senders do not wait for it.
func TestMessageOverItsRateWaitsUnmarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p, other := w.settled(t, 1, 5), w.settled(t, 9, 6)
		open := time.Now().Add(time.Second)
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				answer := accepted(r)
				for i, item := range r.Items {
					if item.Session.User == 1 && time.Now().Before(open) {
						answer.Items[i] = &proto.SendResult{Code: int32(proto.Limited), Wait: 300}
					}
				}
				return answer, nil
			}
		})
		p.write(t, send("a"), send("b"))
		synctest.Wait()
		other.write(t, send("c"))
		wantAnswer(t, other, "c", proto.OK)
		for _, id := range []string{"a", "b"} {
			wantAnswer(t, p, id, proto.OK)
		}
		for _, r := range w.route.sends {
			if all := strings.Join(ids(r), " "); strings.Contains(all, "*") {
				t.Errorf("the request %q has a repetition", all)
			}
		}
		if n := len(w.route.sends); n < 3 || n > 8 {
			t.Errorf("%d requests were made in a second", n)
		}

		open = time.Now().Add(time.Hour)
		p.write(t, send("d"))
		began := time.Now()
		wantAnswer(t, p, "d", proto.Limited)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("told after %v", took)
		}
	})
}

func TestUnknownIsToldAfterTheTimeForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) { s.send = func(*proto.SendRequest) (*proto.SendAnswer, error) { return nil, errAway } })
		p := w.login(t, 1, 5)
		began := time.Now()
		p.write(t, send("a"))
		time.Sleep(9 * time.Second)
		p.write(t, send("b")) // would overtake a if it were handed on
		for _, want := range []string{"a", "b"} {
			if f := p.next(t); f.Id != want || proto.Code(f.Code) != proto.Unknown {
				t.Errorf("got %v, want Unknown for %s", f, want)
			}
		}
		if took := time.Since(began); took < 10*time.Second || took > 15*time.Second {
			t.Errorf("told after %v", took)
		}
		for _, r := range w.route.sends {
			if slices.Contains(ids(r), "b") {
				t.Error("b was handed on before a was settled")
			}
		}
	})
}

// The back-pressure towards a sender is that its connection is not read. The sender
// gets no message about it, and nothing is dropped.
func TestSenderAheadOfItsAnswersIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		answers := make(chan struct{})
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				<-answers
				return accepted(r), nil
			}
		})
		p := w.login(t, 1, 5)
		const count = 1000
		var writing sync.WaitGroup
		writing.Go(func() {
			for i := range count {
				b, err := proto.AppendFrame(nil, send(fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
				}
				if _, err := p.conn.Write(b); err != nil {
					t.Error(err)
				}
			}
		})
		synctest.Wait()
		const unanswered, size = 64, 64 + 16 // messages that a connection may have unanswered, and bytes of each at most
		if n := w.forwarder.Backlog(); n > 2*unanswered*size {
			t.Errorf("%d bytes of messages wait", n)
		}
		close(answers)
		for i := range count {
			if f := p.next(t); f.Id != fmt.Sprint(i) {
				t.Fatalf("answer to %s, want %d", f.Id, i)
			}
		}
		writing.Wait()
	})
}

func TestMessagesOfALostConnectionAreNotHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) { s.send = func(*proto.SendRequest) (*proto.SendAnswer, error) { return nil, errAway } })
		p := w.login(t, 1, 5)
		p.write(t, send("a"), send("b"))
		synctest.Wait()
		_ = p.conn.Close()
		synctest.Wait()
		tried := len(w.route.sends)
		time.Sleep(20 * time.Second)
		if n := len(w.route.sends); n > tried {
			t.Errorf("%d requests after the connection was lost", n-tried)
		}
	})
}

// The answer to a message did not reach a sender whose connection is half open, and
// then the store lost that message. The sender sends it again elsewhere. So messages
// that wait here must not be stored ahead of it. A sender that got the answer repeats
// the messages that the node names.
func TestWhatWaitsWhileTheStoreLosesSomethingIsNotHandedOn(t *testing.T) {
	for name, byAnswer := range map[string]bool{"heard meanwhile": false, "heard from the answer": true} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, nil)
			p := w.settled(t, 1, 5)
			away, lost := true, false
			w.route.set(func(s *script) {
				s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
					switch {
					case lost && byAnswer && r.Lost != nil && r.GetLost() != 7:
						unknown := &proto.SendResult{Code: int32(proto.Unknown)}
						return &proto.SendAnswer{Items: slices.Repeat([]*proto.SendResult{unknown}, len(r.Items)), Lost: 7}, nil
					case away:
						return nil, errAway
					}
					return accepted(r), nil
				}
				s.fire = func(*proto.FireRequest) (*proto.FireAnswer, error) {
					answer := &proto.FireAnswer{Next: 30_000}
					if lost && !byAnswer {
						answer.Lost = 7
					}
					return answer, nil
				}
			})
			p.write(t, send("a"), send("b"))
			synctest.Wait()
			began := time.Now()
			w.route.set(func(s *script) { lost = true })
			w.Push(&proto.PushRequest{Boot: 77, Wake: 1})
			for _, id := range []string{"a", "b"} {
				wantAnswer(t, p, id, proto.Unknown)
			}
			if took := time.Since(began); took > time.Second { // by the bubble's clock
				t.Errorf("told after %v", took)
			}
			w.route.set(func(s *script) { away, s.sends = false, nil })
			p.write(t, send("c"))
			wantAnswer(t, p, "c", proto.Unknown)
			if n := len(w.route.sends); n != 0 {
				t.Errorf("%d requests, though nobody has sent again", n)
			}
			for _, id := range []string{"a", "b", "c"} {
				p.write(t, send(id))
				wantAnswer(t, p, id, proto.OK)
			}
		}))
	}
}
