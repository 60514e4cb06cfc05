package ws

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

func request(t *testing.T, header string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /ws HTTP/1.1\r\nHost: node\r\n" + header + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The key and its answer are those of RFC 6455, section 1.3.
func TestAnswerProvesThatTheKeyWasRead(t *testing.T) {
	answer, protocol, ok := Accept(request(t, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt, b\r\nSec-WebSocket-Protocol: a\r\n"), "a", "b")
	if !ok || protocol != "b" {
		t.Fatalf("protocol %q, %v", protocol, ok)
	}
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(answer))), nil)
	if err != nil || r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get("Sec-WebSocket-Protocol") != "b" ||
		r.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestKeysAndSubprotocolsThatAreRefused(t *testing.T) {
	for name, header := range map[string]string{
		"no key":            "",
		"a short key":       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
		"a key of 17 bytes": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZS4=\r\n",
		"other protocols":   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n",
	} {
		if _, _, ok := Accept(request(t, header), "a"); ok {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, protocol, ok := Accept(request(t, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "a"); !ok || protocol != "" {
		t.Errorf("no protocol: %q, %v", protocol, ok)
	}
}
