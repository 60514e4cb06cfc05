//go:build linux

package baseline

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/proto"
)

// serve runs a limit until the test ends.
func serve(t *testing.T) (address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, in) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// peer is a client.
type peer struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func login(t *testing.T, address string, user int64) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{t, conn, bufio.NewReader(conn)}
	p.write(benchwire.Login(user, ""))
	if f := p.read(); f.Cmd != proto.Command_LOGIN_ANSWER || f.Code != 0 {
		t.Fatalf("the login is answered %v", f)
	}
	return p
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() *proto.Frame {
	p.t.Helper()
	f, err := proto.ReadFrame(p.in, proto.MaxFrame)
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

func TestItPassesOnToOneAndToAllOthers(t *testing.T) {
	address := serve(t)
	alice, bob, carol := login(t, address, 1), login(t, address, 2), login(t, address, 3)
	tag := benchwire.NewTag()
	alice.write(benchwire.NewLetter(tag, 2, 0, 10).Frame(0))
	if f := bob.read(); f.Cmd != proto.Command_MESSAGE || f.From != 1 || f.To != 2 || len(f.ReqMsg) != 10 {
		t.Errorf("bob is sent %v", f)
	}
	bob.write(benchwire.NewLetter(tag, 0, proto.Everyone, 10).Frame(1))
	for name, p := range map[string]*peer{"alice": alice, "carol": carol} {
		if f := p.read(); f.From != 2 || f.Group != proto.Everyone || f.At.GetNumber() != 1 {
			t.Errorf("%s is sent %v", name, f)
		}
	}
	bob.write(benchwire.Ping()) // nothing of bob's own comes back before it
	if f := bob.read(); f.Cmd != proto.Command_PING {
		t.Errorf("bob is sent %v", f)
	}
}

func TestItStandsWhatStrangersSend(t *testing.T) {
	address := serve(t)
	alice := login(t, address, 1)
	for _, b := range [][]byte{
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {2, 0xff, 0xff}, benchwire.Login(-1, ""), benchwire.Login(maxUser+1, ""),
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%x is answered with %d bytes", b, n)
		}
		conn.Close()
	}
	tag := benchwire.NewTag()
	alice.write(benchwire.NewLetter(tag, maxUser+7, 0, 1).Frame(0)) // nobody
	alice.write(benchwire.Ping())
	if f := alice.read(); f.Cmd != proto.Command_PING {
		t.Errorf("alice is sent %v", f)
	}
}
