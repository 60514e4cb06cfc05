package link

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
)

// maxHead is the most bytes of a WebSocket request's head.
const maxHead = 8 << 10

// upgrader collects the head of an HTTP request and answers the WebSocket
// handshake of RFC 6455, section 4.2.
type upgrader struct {
	head []byte
}

func (u *upgrader) push(l *Link, b []byte) error {
	// The end may lie across two pushes.
	from := max(0, len(u.head)-3)
	u.head = append(u.head, b...)
	end := bytes.Index(u.head[from:], []byte("\r\n\r\n"))
	if end < 0 {
		if len(u.head) > maxHead {
			return l.reject(http.StatusRequestHeaderFieldsTooLarge, proto.TooLarge)
		}
		return nil
	}
	end += from + 4
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(u.head[:end])))
	if err != nil {
		return l.reject(http.StatusBadRequest, proto.Invalid)
	}
	switch r.Method {
	case http.MethodGet:
		return l.upgrade(r, u.head[end:])
	case http.MethodHead:
		return l.head(r)
	}
	return l.reject(http.StatusMethodNotAllowed, proto.NotFound)
}

// upgrade judges the request and handles the bytes after it.
func (l *Link) upgrade(r *http.Request, rest []byte) error {
	switch {
	case r.URL.Path != proto.PathSocket:
		return l.reject(http.StatusNotFound, proto.NotFound)
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") ||
		r.Header.Get("Sec-WebSocket-Version") != "13":
		return l.reject(http.StatusUpgradeRequired, proto.Invalid)
	case !mayCome(l.server.config.Origins, r.Header.Get("Origin")):
		return l.reject(http.StatusForbidden, proto.Unauthorized)
	}
	if err := l.forwarded(r); err != nil {
		return err
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if !isNonce(key) {
		return l.reject(http.StatusBadRequest, proto.Invalid)
	}
	protocol, ok := choose(r.Header)
	if !ok {
		return l.reject(http.StatusBadRequest, proto.Invalid)
	}
	l.accept(key, protocol)
	if len(rest) == 0 {
		return nil
	}
	return l.in.push(l, rest)
}

// head answers a HEAD request. The answer is the header that upgrade sends for a GET that
// does not ask for a WebSocket.
func (l *Link) head(r *http.Request) error {
	status := http.StatusUpgradeRequired
	if r.URL.Path != proto.PathSocket {
		status = http.StatusNotFound
	}
	answer := rejection(status)
	end := bytes.Index(answer, []byte("\r\n\r\n")) + 4
	l.closeWith(proto.NotFound, func() []byte { return answer[:end] })
	return nil
}

// accept switches the link to WebSocket.
func (l *Link) accept(key, protocol string) {
	as := formBinary
	if protocol == proto.SubprotocolJSON {
		as = formJSON
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptKey(key) + "\r\n"
	if protocol != "" {
		answer += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	l.in = messenger{json: as == formJSON}
	l.mu.Lock()
	l.form, l.ours = as, true
	if l.state == stateOpen {
		l.addLocked([]byte(answer+"\r\n"), soon)
	}
	l.mu.Unlock()
}

// reject answers with a status and closes.
func (l *Link) reject(status int, code proto.Code) error {
	answer := rejection(status)
	if code == proto.NeedsTLS {
		answer = rejectionWith(status, code.Text())
	}
	l.closeWith(code, func() []byte { return answer })
	return nil
}

func rejection(status int) []byte { return rejectionWith(status, http.StatusText(status)) }

// rejectionWith is an answer whose body is the text.
func rejectionWith(status int, text string) []byte {
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
	var nonce [18]byte // the most bytes that so many characters may have
	n, err := base64.StdEncoding.Decode(nonce[:], []byte(key))
	return err == nil && n == 16
}

// acceptKey proves that we understood the handshake: RFC 6455, section 1.3.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// choose returns the first of the client's subprotocols that this package knows. If the
// client names none, it returns an empty one, which means binary. If the client names
// only others, it returns false.
func choose(h http.Header) (protocol string, ok bool) {
	asked := tokens(h, "Sec-WebSocket-Protocol")
	for _, p := range asked {
		if p == proto.SubprotocolBinary || p == proto.SubprotocolJSON {
			return p, true
		}
	}
	return "", len(asked) == 0
}

// mayCome reports whether a page of the origin may connect. Peers that are not browsers
// send no origin.
func mayCome(allowed []string, origin string) bool {
	return len(allowed) == 0 || origin == "" || slices.Contains(allowed, origin)
}

func hasToken(h http.Header, name, token string) bool {
	return slices.ContainsFunc(tokens(h, name), func(t string) bool { return strings.EqualFold(t, token) })
}

// tokens returns the comma-separated values of all headers of a name.
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
