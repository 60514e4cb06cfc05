package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// storeConfirm is store for a private message whose sender wants to know.
func (k *cluster) storeConfirm(from int64, text string) proto.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.logs[proto.Inbox].append(proto.Inbox, proto.Message{
		ID: text, From: from, FromName: "bob", To: alice, Text: text, Time: 1, Confirm: true,
	})
}

// confirmed returns the keys that were acknowledged so far, and in how many frames.
func (k *cluster) confirmed() (keys []string, frames int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.acks {
		keys = append(keys, a.shown...)
		if len(a.shown) > 0 {
			frames++
		}
	}
	return keys, frames
}

func TestOnlyWhatIsToBeConfirmedIsAcknowledgedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		time.Sleep(ackInterval)
		k.say(proto.Inbox, "first")
		expect(t, c, "first")
		synctest.Wait()
		before := len(k.acks)
		k.say(proto.Inbox, "plain")
		expect(t, c, "plain")
		k.push(k.storeConfirm(alice, "from my phone")) // nobody waits for that
		expect(t, c, "from my phone")
		time.Sleep(time.Second)
		synctest.Wait()
		if len(k.acks) != before {
			t.Fatalf("acknowledged %+v", k.acks[before:])
		}
		k.push(k.storeConfirm(bob, "important"))
		time.Sleep(time.Second)
		synctest.Wait()
		if len(k.acks) != before {
			t.Fatalf("acknowledged before it was shown: %+v", k.acks[before:])
		}
		expect(t, c, "important")
		synctest.Wait()
		if keys, _ := k.confirmed(); !slices.Equal(keys, []string{proto.Key(bob, "important")}) || len(k.acks) != before+1 {
			t.Fatalf("acknowledged %+v", k.acks[before:])
		}
		if at := k.acks[before].cursors[0]; at != k.logs[proto.Inbox].newest(proto.Inbox) {
			t.Errorf("the cursor is at %v", at)
		}
		time.Sleep(2 * ackInterval)
		synctest.Wait()
		if keys, _ := k.confirmed(); len(keys) != 1 {
			t.Errorf("acknowledged again: %q", keys)
		}
	})
}

func TestManyToBeConfirmedAreFewFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		const messages = 3*proto.MaxShown - 10
		for n := range messages {
			k.storeConfirm(bob, fmt.Sprint(n))
		}
		c := connect(t, k.config())
		for n := range messages {
			expect(t, c, fmt.Sprint(n))
		}
		time.Sleep(10 * confirmInterval)
		synctest.Wait()
		if keys, frames := k.confirmed(); len(keys) != messages || frames > 5 {
			t.Errorf("%d of %d keys in %d frames", len(keys), messages, frames)
		}
		for n := range k.acks[1:] {
			if gap := k.acks[n+1].at.Sub(k.acks[n].at); gap < confirmInterval || len(k.acks[n].shown) > proto.MaxShown {
				t.Errorf("frames %v apart, one of %d keys", gap, len(k.acks[n].shown))
			}
		}
	})
}

func TestMarkIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		r, err := c.SendMessage(t.Context(), Outgoing{To: bob, Text: "hi", Confirm: true})
		if err != nil || !k.sends[0].Confirm {
			t.Fatalf("sent %v, %v", k.sends, err)
		}
		for _, to := range []int64{bob, bob, bob + 1} {
			k.tell(&proto.Frame{Cmd: proto.Command_DELIVERED, Id: r.ID, To: to, Time: 5})
		}
		for _, to := range []int64{bob, bob + 1} {
			if got, want := next[Delivered](t, c), (Delivered{ID: r.ID, To: to, Time: time.UnixMilli(5)}); got != want {
				t.Errorf("told %+v, want %+v", got, want)
			}
		}
		if _, err := c.SendMessage(t.Context(), Outgoing{Group: room, Text: "hi", Confirm: true}); codeOf(err) != proto.Invalid {
			t.Errorf("a group's message: %v", err)
		}
	})
}

func TestMarksDriveOutNoOtherEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		for n := range 2 * marksKept {
			k.tell(&proto.Frame{Cmd: proto.Command_DELIVERED, Id: fmt.Sprint(n), To: bob})
		}
		synctest.Wait()
		if _, ok := first(t, c).(Connected); !ok {
			t.Error("the first event is gone")
		}
		if d, ok := first(t, c).(Delivered); !ok || d.ID != fmt.Sprint(marksKept) {
			t.Errorf("the oldest mark is %+v", d)
		}
	})
}

func first(t *testing.T, c *Client) Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	e, err := c.Event(ctx)
	if err != nil {
		t.Fatal(errors.Join(errors.New("no event"), err))
	}
	return e
}

func TestDeliveryIsAskedForByReceiverAndID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		s, err := c.WasDelivered(t.Context(), bob, "a b&c")
		if want := (DeliveryState{Found: true, Delivered: true}); err != nil || s != want {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := c.WasDelivered(t.Context(), bob+1, "a"); codeOf(err) != proto.Invalid {
			t.Errorf("refused: %v", err)
		}
	})
}
