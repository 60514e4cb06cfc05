package attack

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"github.com/cim-go/cim/proto/retry"
)

const (
	// shakeTime is how long a stranger waits for the answer of a node.
	shakeTime = 5 * time.Second
	// shakeHold is how long a stranger stays at a sink, which does not answer.
	shakeHold = 20 * time.Millisecond
)

// shakeAll begins handshakes of TLS with the node at fixed moments. All strangers send the
// same first message, which costs them nothing. The node computes its answer, which is
// most of the work of a handshake. The strangers leave when they have got that answer.
func (g *generator) shakeAll(ctx context.Context) {
	if g.Handshakes == 0 {
		return
	}
	hello, every := clientHello(), time.Duration(float64(time.Second)/g.Handshakes)
	g.all.Go(func() {
		n := 0
		for at := time.Now(); retry.Sleep(ctx, time.Until(at)); at = at.Add(every) {
			from := Address(shakerNetwork, n%shakers)
			n++
			g.shakes.try(1)
			g.all.Go(func() { g.shakes.end(g.shake(ctx, from, hello)) })
		}
	})
}

// shake begins one handshake, and returns how it ended.
func (g *generator) shake(ctx context.Context, from net.IP, hello []byte) (how string) {
	conn, err := dialer(from).DialContext(ctx, "tcp", g.Node)
	if err != nil {
		return "not connected"
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	wait := shakeTime
	if g.Sink {
		wait = shakeHold
	}
	_ = conn.SetDeadline(time.Now().Add(wait)) // it fails only for a closed connection, as does the write
	if _, err := conn.Write(hello); err != nil {
		return "closed"
	}
	switch _, err := conn.Read(make([]byte, 1)); {
	case err == nil:
		return "answered"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "held"
	}
	return "closed"
}

// clientHello returns the first message of a client of TLS.
func clientHello() []byte {
	here, there := net.Pipe()
	defer there.Close()
	go func() { // ends with the pipe
		defer here.Close()
		_ = tls.Client(here, &tls.Config{ServerName: "node.example"}).Handshake() // nobody answers
	}()
	b := make([]byte, 16<<10)
	n, _ := there.Read(b) // one write to a pipe is one read
	return b[:n]
}
