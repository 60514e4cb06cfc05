package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Asked reports whether a GET request asks for a WebSocket, in the version that this
// package speaks.
func Asked(r *http.Request) bool {
	return hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13"
}

// Accept returns the answer that opens the WebSocket, and the first of the client's
// subprotocols that is in known (RFC 6455, section 4.2.2). The subprotocol is empty if
// the client names none. Accept returns false if the client's key is malformed, or if
// the client names only subprotocols that are not in known.
func Accept(r *http.Request, known ...string) (answer []byte, protocol string, ok bool) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !isNonce(key) {
		return nil, "", false
	}
	if protocol, ok = choose(r.Header, known); !ok {
		return nil, "", false
	}
	answer = fmt.Append(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ", acceptKey(key), "\r\n")
	if protocol != "" {
		answer = fmt.Append(answer, "Sec-WebSocket-Protocol: ", protocol, "\r\n")
	}
	return append(answer, "\r\n"...), protocol, true
}

// Refuse returns the HTTP answer with the status and the text as its body, to a request
// that gets no WebSocket.
func Refuse(status int, text string) []byte {
	connection := "Connection: close\r\n"
	switch status {
	case http.StatusUpgradeRequired:
		connection = "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	case http.StatusMethodNotAllowed:
		connection += "Allow: GET, HEAD\r\n"
	}
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\n",
		status, http.StatusText(status), connection, len(text)+1, text)
}

// isNonce reports whether a key is 16 bytes in base64.
func isNonce(key string) bool {
	if len(key) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	var nonce [18]byte // room for the most bytes that 24 characters of base64 may have
	n, err := base64.StdEncoding.Decode(nonce[:], []byte(key))
	return err == nil && n == 16
}

// acceptKey proves that we understood the handshake: RFC 6455, section 1.3.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// choose returns the first of the client's subprotocols that is in known. If the client
// names no subprotocol, it returns an empty one. If the client names only others, it
// returns false.
func choose(h http.Header, known []string) (protocol string, ok bool) {
	asked := tokens(h, "Sec-WebSocket-Protocol")
	for _, p := range asked {
		if slices.Contains(known, p) {
			return p, true
		}
	}
	return "", len(asked) == 0
}

func hasToken(h http.Header, name, token string) bool {
	return slices.ContainsFunc(tokens(h, name), func(t string) bool { return strings.EqualFold(t, token) })
}

// tokens returns the comma-separated values of all headers with this name.
func tokens(h http.Header, name string) []string {
	var list []string
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if t = strings.TrimSpace(t); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}
