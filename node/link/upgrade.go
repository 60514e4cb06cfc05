package link

import (
	"bufio"
	"bytes"
	"net/http"

	"github.com/cim-go/cim/node/link/ws"
	"github.com/cim-go/cim/proto"
)

// maxHead bounds the head of a WebSocket request, in bytes.
const maxHead = 8 << 10

// upgrader collects the head of an HTTP request and answers the WebSocket
// handshake of RFC 6455, section 4.2.
type upgrader struct {
	head []byte
}

func (u *upgrader) push(l *Link, b []byte) error {
	// The bytes that end the head may come in two pushes, so the search begins three
	// bytes earlier.
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

// upgrade accepts or rejects the request, and handles the bytes after it.
func (l *Link) upgrade(r *http.Request, rest []byte) error {
	switch {
	case r.URL.Path != proto.PathSocket:
		return l.reject(http.StatusNotFound, proto.NotFound)
	case !ws.Asked(r):
		return l.reject(http.StatusUpgradeRequired, proto.Invalid)
	}
	if pages := l.server.config.Pages; pages != nil {
		r.RemoteAddr = l.RemoteAddr().String()
		if failed := pages.Socket(r, l.localAddr()); failed != nil {
			return l.reject(failed.Code.HTTPStatus(), failed.Code)
		}
	}
	if err := l.forwarded(r); err != nil {
		return err
	}
	answer, protocol, ok := ws.Accept(r, proto.SubprotocolBinary, proto.SubprotocolJSON)
	if !ok {
		return l.reject(http.StatusBadRequest, proto.Invalid)
	}
	l.accept(answer, protocol)
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
	answer := ws.Refuse(status, http.StatusText(status))
	end := bytes.Index(answer, []byte("\r\n\r\n")) + 4
	l.closeWith(proto.NotFound, func() []byte { return answer[:end] })
	return nil
}

// accept switches the link to WebSocket. The answer opens it.
func (l *Link) accept(answer []byte, protocol string) {
	as := formBinary
	if protocol == proto.SubprotocolJSON {
		as = formJSON
	}
	l.in = messenger{json: as == formJSON}
	l.mu.Lock()
	l.form, l.ours = as, true
	if l.state == stateOpen {
		l.addLocked(answer, soon)
	}
	l.mu.Unlock()
}

// reject answers with an HTTP status and closes the link with the code.
func (l *Link) reject(status int, code proto.Code) error {
	text := http.StatusText(status)
	if status == http.StatusForbidden {
		text = code.Text()
	}
	answer := ws.Refuse(status, text)
	l.closeWith(code, func() []byte { return answer })
	return nil
}
