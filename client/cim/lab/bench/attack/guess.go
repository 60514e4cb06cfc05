package attack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// guesser tries one wrong password after another. It does not wait for the answers, so the
// route may have several of its guesses at a time.
type guesser struct {
	*generator
	from   net.IP
	conn   net.Conn
	broken *atomic.Bool // of conn
}

func (g *generator) guessAll(ctx context.Context) {
	every := time.Duration(float64(g.Guessers) / max(g.GuessRate, 1e-3) * float64(time.Second))
	begun := time.Now()
	for i := range g.Guessers {
		at := begun.Add(every * time.Duration(i) / time.Duration(g.Guessers))
		c := &guesser{generator: g, from: Address(guesserNetwork, i)}
		g.all.Go(func() {
			for n := i; retry.Sleep(ctx, time.Until(at)); at = at.Add(every) {
				c.guess(ctx, n)
				n++
			}
		})
	}
}

// guess sends one guess. It blocks for some seconds at most.
func (c *guesser) guess(ctx context.Context, n int) {
	c.guesses.try(1)
	if c.conn == nil || c.broken.Load() {
		if err := c.dial(ctx); err != nil {
			c.guesses.end("not connected")
			return
		}
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second)) // it fails only for a closed connection, as does the write
	name := cmp.Or(c.Names[n%len(c.Names)], fmt.Sprintf("nobody-%v-%d", c.from, n))
	if _, err := c.conn.Write(guess(name, n)); err != nil {
		c.broken.Store(true)
	}
}

func (c *guesser) dial(ctx context.Context) error {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	conn, err := dialer(c.from).DialContext(ctx, "tcp", c.Route)
	if err != nil {
		return err
	}
	c.conn, c.broken = conn, new(atomic.Bool)
	broken := c.broken
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c.all.Go(func() {
		defer stop()
		countAnswers(conn, &c.guesses)
		broken.Store(true)
	})
	return nil
}

// guess returns a request to log in with a wrong password.
func guess(name string, n int) []byte {
	body, err := json.Marshal(proto.LoginRequest{Name: name, Password: fmt.Sprint("guess-", n), Device: "guesser"})
	if err != nil {
		panic(err) // only texts that are not UTF-8 fail, and all texts here are UTF-8
	}
	return request(proto.PathLogin, "", body)
}
