package proxyheader

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"github.com/cim-go/cim/proto"
)

func header(t *testing.T, version byte) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 8), Port: 6})
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestClientIsReadOnceTheHeaderIsWhole(t *testing.T) {
	for version := byte(1); version <= 2; version++ {
		whole := header(t, version)
		for size := 1; size < len(whole); size++ {
			if client, n, err := Cut(whole[:size]); client.IsValid() || n != Incomplete || err != nil {
				t.Errorf("version %d, %d bytes: %v, %d, %v", version, size, client, n, err)
			}
		}
		client, n, err := Cut(append(whole, "more"...))
		if client.String() != "192.0.2.7" || n != len(whole) || err != nil {
			t.Errorf("version %d: %v, %d, %v", version, client, n, err)
		}
	}
}

func TestHeadersWithoutAClient(t *testing.T) {
	local := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00"), 0, 0)
	for name, head := range map[string][]byte{"unknown": []byte("PROXY UNKNOWN\r\n"), "local": local} {
		if client, n, err := Cut(head); client.IsValid() || n != len(head) || err != nil {
			t.Errorf("%s: %v, %d, %v", name, client, n, err)
		}
	}
	if client, n, err := Cut([]byte("GET / HTTP/1.1\r\n")); client.IsValid() || n != 0 || err != nil {
		t.Errorf("no header: %v, %d, %v", client, n, err)
	}
}

func TestBrokenHeadersHaveTheCode(t *testing.T) {
	for name, head := range map[string][]byte{
		"too long":    []byte("PROXY TCP4 " + strings.Repeat("1", 100)),
		"no address":  []byte("PROXY TCP4 here there 1 2\r\n"),
		"too long, 2": append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11"), 0xff, 0xff),
		"no command":  bytes.Join([][]byte{[]byte("\r\n\r\n\x00\r\nQUIT\n"), {0x2f, 0x11, 0, 0}}, nil),
	} {
		var coded *proto.Error
		if _, _, err := Cut(head); !errors.As(err, &coded) || coded.Code != proto.BadFrame {
			t.Errorf("%s: %v", name, err)
		}
	}
}
