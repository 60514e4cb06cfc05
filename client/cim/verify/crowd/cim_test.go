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

	"github.com/cim-go/cim/client/cim/verify/ledger"
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
	c := &CIM{name: "alice", user: 1, ledger: w}
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
	if want := []string{"back", "shown a", "shown b", "shown c", "away"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("the ledger has %q, want %q; %v", told, want, err)
	}
}

func TestCIMClientBreaksOnWhatIsNotItsOwn(t *testing.T) {
	_, err := visitNode(t, func(_ *CIM, conn net.Conn) { _, _ = conn.Write(pushed("3", "a")) })
	if err == nil {
		t.Error("it shows what is for another user")
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
