package attack

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// request returns a whole request. Each line of headers ends with CRLF.
func request(path, headers string, body []byte) []byte {
	return append(head(path, headers, len(body)), body...)
}

// head returns a request up to its body, which has the given length.
func head(path, headers string, length int) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n", path, headers, length)
}

// countAnswers counts a route's answers until the connection ends.
func countAnswers(conn net.Conn, c *counter) {
	in := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return
		}
		c.end(codeOf(answer.StatusCode, b))
	}
}

// codeOf returns a name for the outcome of a request.
func codeOf(status int, body []byte) string {
	var refused proto.ErrorAnswer
	if status == http.StatusOK {
		return proto.OK.String()
	}
	if err := json.Unmarshal(body, &refused); err != nil || refused.Code == 0 {
		return fmt.Sprint("status ", status)
	}
	return refused.Code.String()
}
