package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect connects and closes at the end of the test.
func connect(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// receive returns the next text, or the error if none comes within a minute.
func receive(c *Client) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := c.Receive(ctx)
	if err != nil {
		return err.Error()
	}
	return m.Text
}

// next skips to the next event of a kind.
func next[E Event](t *testing.T, c *Client) E {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		e, err := c.Event(ctx)
		if err != nil {
			t.Fatalf("wait for %T: %v", *new(E), err)
		}
		if e, ok := e.(E); ok {
			return e
		}
	}
}

func expect(t *testing.T, c *Client, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := receive(c); got != want {
			t.Fatalf("received %q, want %q", got, want)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.mute["node-1"] = true
		c := connect(t, k.config())
		p, err := c.Enqueue(t.Context(), Outgoing{To: bob, Text: "no answer"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		if _, err := p.Wait(t.Context()); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("wait: %v", err)
		}
		if _, err := c.Receive(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("receive: %v", err)
		}
		if _, err := c.Send(t.Context(), bob, "hi"); !errors.Is(err, ErrClosed) {
			t.Errorf("send: %v", err)
		}
		for range c.Events(t.Context()) { // ends by itself
		}
	})
}

func TestPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		if u, err := Register(t.Context(), k.config()); err != nil || u.User != alice {
			t.Errorf("register: %v, %v", u, err)
		}
		c := connect(t, k.config())
		var names []string
		for u, err := range c.Online(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, u.Name)
		}
		if fmt.Sprint(names) != "[bob alice]" {
			t.Errorf("online: %v", names)
		}
		if u, err := c.UserByName(t.Context(), "bob"); err != nil || u.User != bob {
			t.Errorf("user: %v, %v", u, err)
		}
		if u, err := c.UserByID(t.Context(), bob); err != nil || u.Name != "bob" {
			t.Errorf("user: %v, %v", u, err)
		}
		if err := c.Logout(t.Context()); err != nil || !errors.Is(c.Err(), ErrClosed) {
			t.Errorf("log out: %v, %v", err, c.Err())
		}
	})
}
