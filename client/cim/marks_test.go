package main

import (
	"context"
	"slices"
	"testing"

	"github.com/cim-go/cim/client"
)

// delivered returns the next mark that a client is told.
func delivered(t *testing.T, c *client.Client) client.Delivered {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		e, err := c.Event(ctx)
		if err != nil {
			t.Fatalf("%s is told of no mark: %v", c.Device(), err)
		}
		if d, ok := e.(client.Delivered); ok {
			return d
		}
	}
}

// Alice wants to know when bob was shown what she wrote. Bob is away; alice is told,
// on each of her devices and once, when bob is back and has read it, on whichever
// device. A mark is never early: asked then, the cluster says the same.
func TestSenderIsToldWhenTheReceiverIsBackAndHasReadIt(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	routes := []string{s.url}
	alice, away := connect(t, routes, "alice"), connect(t, routes, "bob")
	phone := connectAs(t, client.Config{Routes: routes, Name: "alice", Device: "phone"})
	bob := away.Self().User
	away.Close()

	sent, err := alice.SendMessage(t.Context(), client.Outgoing{To: bob, Text: "important", Confirm: true})
	if err != nil {
		t.Fatal(err)
	}
	send(t, alice, bob, "not important")
	sender, err := client.NewSender(t.Context(), client.Config{Routes: routes, Name: "alice", Device: "script"})
	if err != nil {
		t.Fatal(err)
	}
	scripted, err := sender.Send(t.Context(), client.Outgoing{To: bob, Text: "from a script", Confirm: true})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := alice.WasDelivered(t.Context(), bob, sent.ID); err != nil || !d.Found || d.Delivered {
		t.Errorf("while bob is away: %+v, %v", d, err)
	}

	laptop, tablet := connect(t, routes, "bob"), connectAs(t, client.Config{Routes: routes, Name: "bob", Device: "tablet"})
	want := []string{"important", "not important", "from a script"}
	if got := shown(t, laptop, 3); !slices.Equal(got, want) {
		t.Fatalf("bob is shown %q", got)
	}
	for _, id := range []string{sent.ID, scripted.ID} {
		for _, c := range []*client.Client{alice, phone} {
			if d := delivered(t, c); d.ID != id || d.To != bob || d.Time.IsZero() {
				t.Errorf("%s is told %+v, want of %s", c.Device(), d, id)
			}
		}
		if d, err := alice.WasDelivered(t.Context(), bob, id); err != nil || !d.Delivered {
			t.Errorf("when the mark is there: %+v, %v", d, err)
		}
	}

	// Bob's other device marks the same message, which changes nothing. The next
	// message is news.
	shown(t, tablet, 3)
	last, err := alice.SendMessage(t.Context(), client.Outgoing{To: bob, Text: "the last", Confirm: true})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, tablet, 1)
	if d := delivered(t, alice); d.ID != last.ID {
		t.Errorf("told %+v, want of %s", d, last.ID)
	}
}
