package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The CIM client of the tests writes and reads CIM's bytes by itself: were it made
// of our frames, a mistake in them would be made on both sides.

// CIM's commands.
const (
	cimLogin   = 0
	cimMessage = 1
	cimPing    = 2
	cimOffline = 3
)

// cimFrame has the five fields that a CIM peer knows.
type cimFrame struct {
	msg        string
	id         int64
	cmd        int
	properties map[string]string
	batch      []string
}

// cimAddress is what CIM's /login answers with.
type cimAddress struct {
	IP            string `json:"ip"`
	CIMServerPort int    `json:"cimServerPort"`
	HTTPPort      int    `json:"httpPort"`
}

func (a cimAddress) client() string { return net.JoinHostPort(a.IP, strconv.Itoa(a.CIMServerPort)) }

// cimClient is a connection of a CIM client.
type cimClient struct {
	t    *testing.T
	user int64
	conn net.Conn
	in   *bufio.Reader
}

// cimBytes is a frame as CIM's client encodes it: default values are left out.
func cimBytes(msg string, id int64, cmd byte) []byte {
	var body []byte
	if msg != "" {
		body = append(append(body, 0x0a), binary.AppendUvarint(nil, uint64(len(msg)))...)
		body = append(body, msg...)
	}
	if id != 0 {
		body = append(append(body, 0x10), binary.AppendUvarint(nil, uint64(id))...)
	}
	if cmd != cimLogin {
		body = append(body, 0x18, cmd)
	}
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

// dialCIM connects and writes the login, which is never answered.
func dialCIM(t *testing.T, address string, user int64, name string) *cimClient {
	t.Helper()
	c, err := tryCIM(t, address, user, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryCIM(t *testing.T, address string, user int64, name string) (*cimClient, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	c := &cimClient{t: t, user: user, conn: conn, in: bufio.NewReader(conn)}
	_, err = conn.Write(cimBytes(name, user, cimLogin))
	return c, err
}

// ping writes a ping, which is answered.
func (c *cimClient) ping() {
	c.t.Helper()
	if _, err := c.conn.Write(cimBytes("ping", c.user, cimPing)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next frame, and fails the test for one that CIM's client would
// break on.
func (c *cimClient) next() cimFrame {
	c.t.Helper()
	b, err := c.bytes(patience)
	if err != nil {
		c.t.Fatalf("no frame: %v", err)
	}
	f, err := readCIM(b)
	if err != nil {
		c.t.Fatalf("%x: %v", b, err)
	}
	if f.cmd != cimPing && f.properties["receiveUserId"] != strconv.FormatInt(c.user, 10) {
		c.t.Fatalf("CIM's client breaks on a frame for %q: %+v", f.properties["receiveUserId"], f)
	}
	return f
}

// texts returns the next n texts that CIM's client would show, with their senders.
func (c *cimClient) texts(n int) []string {
	c.t.Helper()
	list := c.show(func(list []string) bool { return len(list) >= n })
	if len(list) > n {
		c.t.Fatalf("was shown %d texts, want %d: %q", len(list), n, list)
	}
	return list
}

// until is texts up to one.
func (c *cimClient) until(last string) []string {
	c.t.Helper()
	return c.show(func(list []string) bool { return slices.Contains(list, last) })
}

func (c *cimClient) show(enough func([]string) bool) (list []string) {
	c.t.Helper()
	for !enough(list) {
		f := c.next()
		if f.cmd == cimPing {
			continue
		}
		if f.msg != "" {
			list = append(list, f.properties["sendUserName"]+": "+f.msg)
		}
		for _, text := range f.batch {
			list = append(list, f.properties["sendUserName"]+": "+text)
		}
	}
	return list
}

// bytes returns the next frame without its length.
func (c *cimClient) bytes(wait time.Duration) ([]byte, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	size, err := binary.ReadUvarint(c.in)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	_, err = io.ReadFull(c.in, b)
	return b, err
}

// quiet fails if anything comes before the answer to a ping.
func (c *cimClient) quiet() {
	c.t.Helper()
	c.ping()
	if f := c.next(); f.cmd != cimPing {
		c.t.Fatalf("was sent %+v, want nothing", f)
	}
}

// ended waits until the node has closed the connection.
func (c *cimClient) ended(wait time.Duration) {
	c.t.Helper()
	for {
		_, err := c.bytes(wait)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.t.Fatalf("still connected after %v", wait)
		}
		if err != nil {
			return
		}
	}
}

// readCIM decodes a message and refuses every field that CIM does not have.
func readCIM(b []byte) (f cimFrame, err error) {
	f.properties = make(map[string]string)
	return f, fields(b, func(n protowire.Number, number uint64, text []byte) error {
		switch n {
		case 1:
			f.msg = string(text)
		case 2:
			f.id = int64(number)
		case 3:
			f.cmd = int(number)
		case 4:
			var pair [2]string
			err := fields(text, func(n protowire.Number, _ uint64, text []byte) error {
				pair[n-1] = string(text)
				return nil
			})
			f.properties[pair[0]] = pair[1]
			return err
		case 5:
			f.batch = append(f.batch, string(text))
		default:
			return fmt.Errorf("field %d is none of CIM's", n)
		}
		return nil
	})
}

// fields calls each with the varints and the texts of a message.
func fields(b []byte, each func(n protowire.Number, number uint64, text []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var number uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("field %d has wire type %d, which CIM does not use", n, kind)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := each(n, number, text); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// cimCall posts to CIM's HTTP and returns the answer, byte for byte.
func cimCall(t *testing.T, url, body string) string {
	t.Helper()
	status, b := call(t, http.MethodPost, url, "", []byte(body))
	if status != http.StatusOK {
		t.Fatalf("%s %s answers %d: %s", url, body, status, b)
	}
	return string(b)
}

// cimCode is cimCall for those who want the code alone; the body goes into data.
func cimCode(t *testing.T, url, body string, data any) string {
	t.Helper()
	envelope := struct {
		Code     string          `json:"code"`
		DataBody json.RawMessage `json:"dataBody"`
	}{}
	answer := cimCall(t, url, body)
	if err := json.Unmarshal([]byte(answer), &envelope); err != nil {
		t.Fatalf("%s: %v in %s", url, err, answer)
	}
	if data != nil && envelope.Code == "9000" {
		if err := json.Unmarshal(envelope.DataBody, data); err != nil {
			t.Fatalf("%s: %v in %s", url, err, answer)
		}
	}
	return envelope.Code
}

// cimRegister makes an account the way CIM's client does.
func cimRegister(t *testing.T, route, name string) int64 {
	t.Helper()
	var account struct {
		UserID int64 `json:"userId"`
	}
	if code := cimCode(t, route+"/registerAccount", fmt.Sprintf(`{"userName":%q}`, name), &account); code != "9000" {
		t.Fatalf("register %s: %s", name, code)
	}
	return account.UserID
}

// cimLoginAt asks the route for a server.
func cimLoginAt(t *testing.T, route string, user int64, name string) (at cimAddress, code string) {
	t.Helper()
	code = cimCode(t, route+"/login", fmt.Sprintf(`{"userId":%d,"userName":%q}`, user, name), &at)
	return at, code
}

// connectCIM registers, logs in and connects; it returns when the connection is
// the recorded one, which CIM's wire does not tell.
func (s *system) connectCIM(name string) *cimClient {
	s.t.Helper()
	user := cimRegister(s.t, s.url, name)
	at, code := cimLoginAt(s.t, s.url, user, name)
	if code != "9000" {
		s.t.Fatalf("login of %s: %s", name, code)
	}
	before := s.recorded(user, "cim")
	c := dialCIM(s.t, at.client(), user, name)
	eventually(s.t, name+" is recorded", func() bool {
		live := s.recorded(user, "cim")
		return live != nil && (before == nil || live.Number != before.Number)
	})
	return c
}

// privately sends a text over CIM's HTTP and returns the code.
func privately(t *testing.T, route string, from, to int64, text string) string {
	t.Helper()
	return cimCode(t, route+"/p2pRoute", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":%q}`, from, to, text), nil)
}
