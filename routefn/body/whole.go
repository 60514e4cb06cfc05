package body

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cim-go/cim/proto"
)

// Whole reads a request's body into memory, so that later steps never wait for the client.
// It blocks until the body has arrived. The parameter within is the longest time for that.
// If the body takes longer, Whole returns an error with the code Unavailable.
//
// Whole reads at most limit+1 bytes. If it gets all of these bytes, the body is too large.
// The functions that decode the body then refuse it. They also refuse a body that ended
// early. The buffer grows with the bytes that arrive, not with the length that the client
// announced.
func Whole(w http.ResponseWriter, r *http.Request, limit int64, within time.Duration) *proto.Error {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 || r.ContentLength > limit {
		return nil
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(within)) == nil {
		// Without this, the deadline would later end the request's context.
		defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.Header().Set("Connection", "close") // the rest of the body may still come, so the connection cannot be used again
		return proto.Err(proto.Unavailable, "The body took too long.")
	}
	r.Body = &whole{Reader: bytes.NewReader(b), err: err, body: r.Body}
	return nil
}

// Held returns the part of the body that Whole has read into memory and that no one has
// read since. It returns nothing if the request has no such part, or if the body is too
// large.
func Held(r *http.Request) []byte {
	b, ok := r.Body.(*whole)
	if !ok {
		return nil
	}
	held := make([]byte, b.Reader.Len())
	_, _ = b.Reader.ReadAt(held, b.Reader.Size()-int64(len(held)))
	return held
}

// whole is a body that was read into memory, and how the reading ended.
type whole struct {
	*bytes.Reader
	err  error // nil: the body is complete
	body io.Closer
}

func (b *whole) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.err != nil {
		return n, b.err
	}
	return n, err
}

func (b *whole) Close() error { return b.body.Close() }
