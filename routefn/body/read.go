package body

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

// MaxNode bounds a node's request, in bytes. A request of that size has room for some
// thousand messages, which waited in the node while it could reach no route.
const MaxNode = 16 << 20

const contentJSON = "application/json"

// ReadJSON decodes a client's body into q, strictly. It returns Invalid for another
// content type, an unknown field, a second value, bytes that are not UTF-8, or a number
// beyond proto.MaxNumber. It returns TooLarge for more than limit bytes.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, q any) error {
	if err := checkJSON(r); err != nil {
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
	return checkNumbers(q)
}

// ReadLenient decodes a CIM client's body into q. It skips unknown fields, as CIM does.
// CIM's clients send the content type of JSON. ReadLenient returns the same errors as
// ReadJSON.
func ReadLenient(w http.ResponseWriter, r *http.Request, limit int64, q any) error {
	if err := checkJSON(r); err != nil {
		return err
	}
	body, err := readText(w, r, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, q); err != nil {
		return jsonError(err)
	}
	return checkNumbers(q)
}

// ReadProtobuf decodes a node's body of at most MaxNode bytes into q. It returns
// Invalid or TooLarge.
func ReadProtobuf(w http.ResponseWriter, r *http.Request, q pb.Message) error {
	if r.Header.Get("Content-Type") != "" { // without this header, only the bytes decide
		if err := checkContentType(r, proto.ContentProtobuf); err != nil {
			return err
		}
	}
	body, err := read(w, r, MaxNode)
	if err != nil {
		return err
	}
	return Unmarshal(body, q)
}

// Unmarshal decodes a protobuf body into q. It returns Invalid for any other body.
func Unmarshal(body []byte, q pb.Message) error {
	if err := pb.Unmarshal(body, q); err != nil {
		return proto.Err(proto.Invalid, "The body is not the protobuf message that is expected.")
	}
	return nil
}

// checkJSON refuses a body whose header names a type other than JSON. A web page of
// another site cannot send the type JSON without a preflight. Programs may leave the
// header out. A browser must send it, because a web page can make a browser send a body
// without a type.
func checkJSON(r *http.Request) error {
	header := r.Header
	if header.Get("Content-Type") == "" && header.Get("Origin") == "" && header.Get("Sec-Fetch-Site") == "" {
		return nil
	}
	return checkContentType(r, contentJSON)
}

// checkContentType refuses a body whose header does not name the content type in the
// parameter want.
func checkContentType(r *http.Request, want string) error {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		return proto.Err(proto.Invalid, "The content type must be "+want+".")
	}
	return nil
}

// readText does what read does, but refuses bytes that are not UTF-8. If it accepted them,
// encoding/json would replace them by U+FFFD. Then the stored text would differ from the
// sent one.
func readText(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := read(w, r, limit)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, proto.Err(proto.Invalid, "The body is not UTF-8.")
	}
	return body, nil
}

// read reads a body of at most limit bytes. If the request's header announces more,
// read reads nothing.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
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

// jsonError describes a decoding error without naming Go types.
func jsonError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return proto.Err(proto.Invalid, "The field "+e.Field+" has the wrong type.")
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return proto.Err(proto.Invalid, "The field "+field+" is unknown.")
	}
	if errors.Is(err, io.EOF) {
		return proto.Err(proto.Invalid, "The body is empty.")
	}
	return proto.Err(proto.Invalid, "The body is not JSON.")
}
