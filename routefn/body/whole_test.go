package body

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// serveWhole starts a server that reads bodies by Whole and answers with their texts.
func serveWhole(t *testing.T, limit int64, within time.Duration) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failed := Whole(w, r, limit, within); failed != nil {
			Fail(w, http.StatusRequestTimeout, failed)
			return
		}
		time.Sleep(2 * within)                                  // the body's deadline must not end the request
		if r.Context().Err() != nil && r.URL.Path != "/early" { // the client of /early has gone
			t.Error("the request was cancelled")
		}
		var q struct{ Text string }
		if err := ReadJSON(w, r, limit, &q); err != nil {
			failed, _ := errors.AsType[*proto.Error](err)
			Fail(w, failed.Code.HTTPStatus(), failed)
			return
		}
		fmt.Fprint(w, len(q.Text))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// ask sends the bytes of a request, and returns the answer and its text. If end is set,
// it then closes its side of the connection.
func ask(t *testing.T, address, request string, end bool) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if end {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(r.Body)
	return r, string(b)
}

func TestWholeReadsABodyOrRefusesIt(t *testing.T) {
	const limit = 1000
	address := serveWhole(t, limit, 200*time.Millisecond)
	head := func(length int) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
	}
	text := func(n int) string { return `{"Text":"` + strings.Repeat("x", n) + `"}` }
	chunks := "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		end     bool
		status  int
		body    string
	}{
		"as announced":   {head(len(text(500))) + text(500), false, 200, "500"},
		"of the limit":   {head(limit) + text(limit-11), false, 200, "989"},
		"announces more": {head(1<<40) + "x", false, 413, "too-large"},
		"in chunks":      {chunks + "b\r\n" + text(0) + "\r\n0\r\n\r\n", false, 200, "0"},
		"chunks of more": {chunks + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(text(limit)), text(limit)), false, 413, "too-large"},
		"ends early":     {strings.Replace(head(500), "/", "/early", 1) + "{", true, 400, "too early"},
		"none":           {head(0), false, 400, "empty"},
		"one byte":       {head(500) + "{", false, 408, "took too long"},
		"a chunk":        {chunks + "5\r\n{", false, 408, "took too long"},
	} {
		r, body := ask(t, address, c.request, c.end)
		if r.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %s, want %d and %q", name, r.StatusCode, body, c.status, c.body)
		}
	}
}
