package routefn

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// maxNodeBody bounds what a node may send in one request: some thousand messages
// that waited while the route was away.
const maxNodeBody = 16 << 20

// decodeJSON reads a client's body into q, strictly: another content type, an
// unknown field, a second value or a byte that is not UTF-8 is Invalid, more than
// limit bytes is TooLarge.
func decodeJSON(w http.ResponseWriter, r *http.Request, limit int64, q any) error {
	if err := checkContentType(r, "application/json"); err != nil {
		return err
	}
	body, err := readText(w, r, limit)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return jsonError(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return proto.Err(proto.Invalid, "The body has more than one JSON value.")
	}
	return nil
}

// decodeLenient reads a CIM client's body into q: fields that are unknown are
// skipped, as CIM does, and what it calls the content does not matter.
func decodeLenient(w http.ResponseWriter, r *http.Request, limit int64, q any) error {
	body, err := readText(w, r, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, q); err != nil {
		return jsonError(err)
	}
	return nil
}

// decodeProtobuf reads a node's body into q.
func decodeProtobuf(w http.ResponseWriter, r *http.Request, q pb.Message) error {
	if err := checkContentType(r, proto.ContentProtobuf); err != nil {
		return err
	}
	body, err := readBody(w, r, maxNodeBody)
	if err != nil {
		return err
	}
	return unmarshal(body, q)
}

func unmarshal(body []byte, q pb.Message) error {
	if err := pb.Unmarshal(body, q); err != nil {
		return proto.Err(proto.Invalid, "The body is not the protobuf message that is expected.")
	}
	return nil
}

// checkContentType refuses what says that it is something else. What says nothing
// is taken at its bytes.
func checkContentType(r *http.Request, want string) error {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	if got, _, err := mime.ParseMediaType(header); err != nil || got != want {
		return proto.Err(proto.Invalid, "The content type must be "+want+".")
	}
	return nil
}

// readText is readBody for text. encoding/json would put U+FFFD in place of what
// is not UTF-8, and store another text than the one that was sent.
func readText(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := readBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, proto.Err(proto.Invalid, "The body is not UTF-8.")
	}
	return body, nil
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit { // not a byte of it is read
		return nil, proto.Err(proto.TooLarge, "")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, proto.Err(proto.TooLarge, "")
	}
	if err != nil {
		return nil, proto.Err(proto.Invalid, "The body ends too early.")
	}
	return body, nil
}

// jsonError says what is wrong without naming our types.
func jsonError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return proto.Err(proto.Invalid, "The field "+e.Field+" is of another type.")
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return proto.Err(proto.Invalid, "The field "+field+" is unknown.")
	}
	if errors.Is(err, io.EOF) {
		return proto.Err(proto.Invalid, "The body is empty.")
	}
	return proto.Err(proto.Invalid, "The body is not JSON.")
}
