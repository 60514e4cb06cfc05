package attack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// floodText is the bytes of a flooder's message.
const floodText = 128

// flooder is a connection that sends without waiting for answers.
type flooder struct {
	*generator
	conn   net.Conn
	in     *bufio.Reader
	letter *benchwire.Letter
	number int
}

// enter logs the flooder in. A sink lets everybody in.
func (g *generator) enter(ctx context.Context) (*flooder, error) {
	conn, err := dialer(nil).DialContext(ctx, "tcp", g.Node)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	f := &flooder{
		generator: g, conn: conn, in: bufio.NewReaderSize(conn, 64<<10),
		letter: benchwire.NewLetter(benchwire.NewTag(), g.Flooder.To, 0, floodText),
	}
	if _, err := conn.Write(benchwire.Login(g.Flooder.User, g.Flooder.Ticket)); err != nil || g.Sink {
		return f, err
	}
	answer, err := proto.ReadFrame(f.in, proto.MaxFrame)
	if err != nil {
		return nil, err
	}
	if answer.Cmd != proto.Command_LOGIN_ANSWER || answer.Code != 0 {
		return nil, fmt.Errorf("the answer is %v: %v %s", answer.Cmd, proto.Code(answer.Code), answer.ReqMsg)
	}
	return f, nil
}

const (
	floodBatch = 64 // messages in a write at full speed
	floodEvery = tick
)

// send sends until ctx ends or the connection does.
func (f *flooder) send(ctx context.Context) {
	begun, sent := time.Now(), 0
	for at := begun; retry.Sleep(ctx, time.Until(at)); {
		n := floodBatch
		if f.Flooder.Rate > 0 {
			at = at.Add(floodEvery)
			n = int(at.Sub(begun).Seconds()*f.Flooder.Rate) - sent
		}
		sent += n
		if _, err := f.conn.Write(f.messages(n)); err != nil {
			f.flood.end("closed")
			return
		}
		f.flood.try(int64(n))
	}
}

func (f *flooder) messages(n int) (b []byte) {
	for range n {
		b = append(b, f.letter.Frame(f.number)...)
		f.number++
	}
	return b
}

// read counts the answers until the connection ends.
func (f *flooder) read() {
	for {
		answer, err := proto.ReadFrame(f.in, proto.MaxFrame)
		switch {
		case err != nil:
			return
		case answer.Cmd == proto.Command_SEND_ANSWER:
			f.flood.end(proto.Code(answer.Code).String())
		case answer.Cmd == proto.Command_KICK:
			f.flood.end("kicked: " + proto.Code(answer.Code).String())
		}
	}
}
