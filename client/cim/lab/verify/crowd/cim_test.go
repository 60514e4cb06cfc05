package crowd

import (
	"bytes"
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// pushed is a frame of a node: one text is live, several waited. Field 16 is none of
// CIM's.
func pushed(receiver string, texts ...string) []byte {
	field, cmd := protowire.Number(1), uint64(1)
	if len(texts) > 1 {
		field, cmd = 5, 3
	}
	body := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), cmd)
	for _, text := range texts {
		body = protowire.AppendString(protowire.AppendTag(body, field, protowire.BytesType), text)
	}
	for name, value := range map[string]string{"sendUserId": "2", "receiveUserId": receiver} {
		pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
		pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), value)
		body = protowire.AppendBytes(protowire.AppendTag(body, 4, protowire.BytesType), pair)
	}
	body = protowire.AppendString(protowire.AppendTag(body, 16, protowire.BytesType), "ours")
	return protowire.AppendBytes(nil, body)
}

// visitNode lets a CIM client visit a node that is only what serve does, behind the
// client's login and ping, and returns what the ledger has then.
func visitNode(t *testing.T, serve func(c *CIM, conn net.Conn)) (told []string, err error) {
	t.Helper()
	w, err := ledger.Create(filepath.Join(t.TempDir(), "ledger"), func(r ledger.Record) {
		told = append(told, strings.TrimSpace(string(r.Kind)+" "+r.Text))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := &CIM{name: "alice", user: 1, ledger: w, nodeAt: func(string) string { return "node-1" }}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		want := append(cimRequest("alice", 1, cimLogin), cimRequest("ping", 1, cimPing)...)
		if got := make([]byte, len(want)); bytesRead(conn, got) && bytes.Equal(got, want) {
			serve(c, conn)
		}
	}()
	err = c.visit(context.Background(), listener.Addr().String(), 1)
	<-served
	return told, err
}

func bytesRead(r io.Reader, b []byte) bool {
	_, err := io.ReadFull(r, b)
	return err == nil
}

var cimPong = cimRequest("pong", 0, cimPing)

func TestCIMClientShowsWhatItIsPushed(t *testing.T) {
	told, err := visitNode(t, func(_ *CIM, conn net.Conn) {
		all := slices.Concat(cimPong, pushed("1", "a", "b"), pushed("1", "c"))
		for len(all) > 0 { // no frame comes in one piece
			n, err := conn.Write(all[:min(7, len(all))])
			if err != nil {
				return
			}
			all = all[n:]
		}
	})
	if want := []string{"back", "pinged", "shown a", "shown b", "shown c", "ended", "away"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("the ledger has %q, want %q; %v", told, want, err)
	}
}

func TestCIMClientBreaksOnWhatIsNotItsOwn(t *testing.T) {
	_, err := visitNode(t, func(_ *CIM, conn net.Conn) { _, _ = conn.Write(pushed("3", "a")) })
	if err == nil {
		t.Error("it shows what is for another user")
	}
}

// An end is no end in order if something is missing: the rest of a frame, or the answer to a
// ping.
func TestCIMClientDoesNotTakeEachEndForOneInOrder(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"in the middle of a frame": slices.Concat(cimPong, pushed("1", "a")[:7]),
		"before the pong":          pushed("1", "a"),
	} {
		told, err := visitNode(t, func(_ *CIM, conn net.Conn) { _, _ = conn.Write(bytes) })
		if err != nil || slices.Contains(told, "ended") {
			t.Errorf("%s: the ledger has %q; %v", name, told, err)
		}
	}
}

// A socket that is half closed tells the node nothing.
func TestCIMClientDoesNotTakeItsOwnCutForAnEndInOrder(t *testing.T) {
	told, err := visitNode(t, func(c *CIM, conn net.Conn) {
		_, _ = conn.Write(cimPong)
		c.Cut()
		_, _ = io.Copy(io.Discard, conn)
	})
	if want := []string{"back", "pinged", "away"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("the ledger has %q, want %q; %v", told, want, err)
	}
}

func TestCIMShareOfUsers(t *testing.T) {
	for share, want := range map[int][]int{0: {8, 28}, 5: {8, 28}, 20: {3, 8, 13, 18, 23, 28, 33, 38}, 1: nil} {
		if got := withCIM(40, share); !slices.Equal(got, want) {
			t.Errorf("of 40 users, %d %% are %v, want %v", share, got, want)
		}
	}
	if got := withCIM(1000, 0); len(got) != mostCIM {
		t.Errorf("if nobody says, %d of 1,000 users have a CIM client", len(got))
	}
	if got := withCIM(1000, 33); len(got) != 330 {
		t.Errorf("33 %% of 1,000 are %d", len(got))
	}
}

// Nothing that the node may take for shown is lost with a connection that is cut.
func TestCIMClientReadsWhatIsOnItsWayWhenItIsCut(t *testing.T) {
	told, err := visitNode(t, func(c *CIM, conn net.Conn) {
		c.Cut()
		if _, err := io.Copy(io.Discard, conn); err == nil { // its end is heard of here first
			_, _ = conn.Write(pushed("1", "late"))
		}
	})
	if want := []string{"shown late"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("the ledger has %q, want %q; %v", told, want, err)
	}
}
