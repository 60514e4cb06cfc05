package lambda

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"
)

// answer is an http.ResponseWriter that keeps the status, the header and the body in
// memory.
type answer struct {
	header http.Header
	sent   http.Header // a copy of the field header, made by WriteHeader; nil until then
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: make(http.Header)} }

// Header returns the header; changes after WriteHeader are not sent.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader fixes the status and the header at its first call. It ignores a status
// below 200.
func (a *answer) WriteHeader(status int) {
	if a.sent != nil || status < 200 {
		return
	}
	a.status, a.sent = status, a.header.Clone()
}

// Write appends to the body. It never fails.
func (a *answer) Write(b []byte) (int, error) {
	a.begin(b)
	return a.body.Write(b)
}

// begin calls WriteHeader if the handler did not. The status is then 200, and the
// content type is guessed from the first bytes, as net/http does.
func (a *answer) begin(b []byte) {
	if a.sent != nil {
		return
	}
	if len(b) > 0 && a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", http.DetectContentType(b))
	}
	a.WriteHeader(http.StatusOK)
}

// fields returns the header fields to send. It leaves out fields that concern one
// connection, and fields that the front end sets.
func (a *answer) fields() http.Header {
	a.begin(nil)
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Content-Length"} {
		a.sent.Del(name)
	}
	return a.sent
}

// encoded returns the body in a form for JSON. A body in UTF-8 stays unchanged. Any other
// body becomes base64.
func (a *answer) encoded() (body string, isBase64 bool) {
	b := a.body.Bytes()
	if utf8.Valid(b) {
		return string(b), false
	}
	return base64.StdEncoding.EncodeToString(b), true
}

// joined returns the fields, with the values of each field joined by commas.
func joined(fields http.Header) map[string]string {
	m := make(map[string]string, len(fields))
	for name, values := range fields {
		m[name] = strings.Join(values, ",")
	}
	return m
}
