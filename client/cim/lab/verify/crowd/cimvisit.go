package crowd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// visit connects to a node and records what the node shows until the connection ends. The
// error is one that would break CIM's client.
func (c *CIM) visit(life context.Context, address string, process int) error {
	dialer := net.Dialer{Control: ethernet, Timeout: cimCall}
	conn, err := dialer.DialContext(life, "tcp", address)
	if err != nil {
		return nil
	}
	w := newWire(conn, &c.slow, false, func(*wire) { c.hold(nil) })
	w.hears = true
	c.hold(w)
	defer w.Close()
	if life.Err() != nil { // Kill may have looked for a connection before this one was recorded
		return nil
	}
	v := &cimVisit{CIM: c, wire: w, address: address, process: process}
	if !v.ping(cimRequest(c.name, c.user, cimLogin)) {
		return nil
	}
	v.silence = time.AfterFunc(c.idle()+cimSilence, func() { w.Close() })
	defer v.silence.Stop()
	defer v.leave()
	for chunk := make([]byte, 32<<10); ; {
		peek := max(cimPeek, time.Until(v.wrote.Add(c.idle())))
		if err := w.SetReadDeadline(time.Now().Add(peek)); err != nil {
			return nil
		}
		n, readErr := w.Read(chunk)
		v.read = append(v.read, chunk[:n]...)
		if err := v.takeFrames(); err != nil {
			return err
		}
		switch {
		case errors.Is(readErr, os.ErrDeadlineExceeded):
			switch {
			case v.ping(nil):
			case v.deaf:
				return nil
			default: // read the bytes that came before the end
				v.deaf, v.wrote = true, time.Now().Add(-c.idle())
			}
		case readErr == io.EOF && v.readAll():
			c.note(ledger.Record{Kind: ledger.Ended, Process: process})
			return nil
		case readErr != nil:
			return nil
		}
	}
}

// cimVisit is one connection of a CIM client. It is for one goroutine.
type cimVisit struct {
	*CIM
	wire    *wire
	address string
	process int
	silence *time.Timer // closes the connection when the node is silent

	wrote time.Time   // when the last ping was sent
	asked []time.Time // when the pings without an answer were sent
	deaf  bool        // the node takes nothing more
	back  bool        // the node answered, so the ledger has Back
	read  []byte      // the beginning of a frame whose rest has not come yet
}

// ping sends the bytes in the parameter first, and then a ping. It reports whether that
// worked.
func (v *cimVisit) ping(first []byte) bool {
	now := time.Now()
	if _, err := v.wire.Write(append(first, cimRequest("ping", v.user, cimPing)...)); err != nil {
		return false
	}
	v.wrote = now
	v.asked = append(v.asked, now)
	return true
}

// takeFrames handles all whole frames among the bytes that were read.
func (v *cimVisit) takeFrames() error {
	for frame, rest, ok := cutFrame(v.read); ok; frame, rest, ok = cutFrame(v.read) {
		v.read = rest
		if v.wire.state.Load() != mute {
			v.silence.Reset(v.idle() + cimSilence)
		}
		f, err := readCIM(frame)
		if err != nil {
			return err
		}
		if f.cmd == cimPing {
			v.pong()
			continue
		}
		if err := v.show(f, v.process); err != nil {
			return err
		}
	}
	return nil
}

// pong records an answer, which belongs to the oldest ping without one. With the first
// answer, it also records that the client is connected.
func (v *cimVisit) pong() {
	if !v.back {
		v.back = true
		v.note(ledger.Record{Kind: ledger.Back, Process: v.process, Node: v.nodeAt(v.address)})
	}
	if len(v.asked) > 0 {
		v.note(ledger.Record{Kind: ledger.Pinged, Process: v.process, Lasted: time.Since(v.asked[0]).Microseconds()})
		v.asked = v.asked[1:]
	}
	v.pongs.Add(1)
}

// readAll reports whether the client has read everything that the node sent before it
// closed the connection.
func (v *cimVisit) readAll() bool {
	return v.back && len(v.read)+len(v.asked) == 0 && !v.wire.halved.Load()
}

// leave records that the connection is gone, if the node had answered on it.
func (v *cimVisit) leave() {
	if v.back {
		v.note(ledger.Record{Kind: ledger.Away, Process: v.process})
	}
}
