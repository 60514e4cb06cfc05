package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

func TestLostAnswerIsSentAgainWithTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		first := true
		k.setOnSend(func(*proto.Frame) fate {
			lost := first
			first = false
			return fate{loseAnswer: lost}
		})
		c := connect(t, k.config())
		r, err := c.SendMessage(t.Context(), Outgoing{ID: "once", To: bob, Text: "hi"})
		if err != nil || r.ID != "once" {
			t.Fatalf("receipt %v, %v", r, err)
		}
		if len(k.sends) != 2 || k.sends[0].Again || !k.sends[1].Again || k.sends[1].Id != "once" {
			t.Errorf("sent %v", k.sends)
		}
		if n := len(k.logs[proto.Inbox].entries); n != 2 {
			t.Errorf("%d entries, want genesis and one message", n)
		}
	})
}

func TestRefusedForNowIsSentAgainBeforeNewerOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		failures := 3
		k.setOnSend(func(f *proto.Frame) fate { // a node lets nothing pass behind a failed one
			if f.Id == "a" {
				failures--
			}
			if failures >= 0 {
				return fate{code: proto.Unavailable}
			}
			return fate{}
		})
		c := connect(t, k.config())
		var pending []*Pending
		for _, id := range []string{"a", "b", "c"} {
			p, err := c.Enqueue(t.Context(), Outgoing{ID: id, To: bob, Text: id})
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
		}
		for n, p := range pending {
			r, err := p.Wait(t.Context())
			if err != nil || r.At.Number != int64(n+2) {
				t.Errorf("%s at %d: %v", p.ID(), r.At.Number, err)
			}
		}
	})
}

// A message over its sender's rate is sent again until it is accepted. If its sender does
// not wait so long, it ends with the refusal, and it is certain that it is stored nowhere.
func TestSendOverItsRateWaitsOrSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		open := time.Now().Add(10 * time.Second)
		k.setOnSend(func(*proto.Frame) fate {
			if time.Now().Before(open) {
				return fate{code: proto.Limited}
			}
			return fate{}
		})
		k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
			if path == proto.PathSend && time.Now().Before(open) {
				return refuse(proto.Limited)
			}
			return nil
		})
		c := connect(t, k.config())
		s, err := NewSender(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		for name, send := range map[string]func(context.Context) error{
			"connection": func(ctx context.Context) error { _, err := c.Send(ctx, bob, "hi"); return err },
			"http":       func(ctx context.Context) error { _, err := s.Send(ctx, Outgoing{To: bob, Text: "hi"}); return err },
		} {
			open = time.Now().Add(10 * time.Second)
			short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			err := send(short)
			cancel()
			if codeOf(err) != proto.Limited || errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: given up, it ends with %v", name, err)
			}
			if err := send(t.Context()); err != nil || time.Now().Before(open) {
				t.Errorf("%s: %v, want it accepted in the end", name, err)
			}
		}
	})
}

func TestRefusedForGoodReturnsTheCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.setOnSend(func(*proto.Frame) fate { return fate{code: proto.UnknownUser} })
		c := connect(t, k.config())
		if _, err := c.Send(t.Context(), 99, "hi"); codeOf(err) != proto.UnknownUser || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("send: %v", err)
		}
		for name, m := range map[string]Outgoing{
			"nobody": {Text: "x"}, "both": {To: 1, Group: 1}, "bad id": {ID: "a b", To: 1},
			"not UTF-8": {To: 1, Text: "\xff"}, "too long": {To: 1, Text: strings.Repeat("x", proto.MaxFrame)},
		} {
			if _, err := c.SendMessage(t.Context(), m); codeOf(err).Retry() != proto.RetryNever {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestSendGivenUpIsNotSentAgainAndComesBackIfAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.setOnSend(func(*proto.Frame) fate { return fate{loseAnswer: true} })
		c := connect(t, k.config())
		time.Sleep(time.Second) // nothing is being read when the message is stored
		k.setOnLogin(func(*session) *proto.Frame { return &proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.Full)} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, bob, "perhaps"); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("send: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, bob, "never written"); err == nil || errors.Is(err, ErrOutcomeUnknown) {
			t.Fatalf("send without a connection: %v", err)
		}
		k.setOnLogin(nil)
		expect(t, c, "perhaps")
		if len(k.sends) != 1 {
			t.Errorf("%d sends, want 1", len(k.sends))
		}
	})
}

// If a node has refused messages, the first of them that comes again shows it that the
// sender knows of the refusal. If the repetition was written before the refusal came,
// the node would accept later messages too early.
func TestSendGivenUpAndRepeatedIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		k.mu.Lock()
		k.mute[c.State().Node.ID] = true
		k.mu.Unlock()
		enqueue := func(id string) *Pending {
			p, err := c.Enqueue(t.Context(), Outgoing{ID: id, To: bob, Text: id})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		pending := []*Pending{enqueue("1")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.SendMessage(ctx, Outgoing{ID: "2", To: bob, Text: "2"}); !errors.Is(err, ErrOutcomeUnknown) {
			t.Fatalf("send: %v", err)
		}
		pending = append(pending, enqueue("3"), enqueue("2"))
		for _, p := range pending {
			if _, err := p.Wait(t.Context()); err != nil {
				t.Errorf("send %s: %v", p.ID(), err)
			}
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		written := ""
		for _, f := range k.sends {
			if written += f.Id; f.Again {
				written += "again "
			}
		}
		if written != "1231again 2again 3again " {
			t.Errorf("written %q", written)
		}
	})
}
