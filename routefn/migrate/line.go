package migrate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity"
)

// Kinds of lines.
const (
	kindHeader  = "cim"
	kindAccount = "account"
	kindGroup   = "group"
	kindMember  = "member"
	kindRemoved = "removed"
	kindMessage = "message"
	kindEnd     = "end"

	kindMessages = "messages" // of Left alone: several
)

// Version is that of the lines which are written, and read.
const Version = 1

// maxLine is how long a line may be in bytes: a text of 64 KiB may take six times that.
const maxLine = 4 << 20

// ErrLine is in the error for a malformed line.
var ErrLine = errors.New("not a line of the format")

// These are the lines. client/cim/IMPORT.md describes them.
type (
	header struct {
		Kind    string `json:"kind"`
		Version int    `json:"version"`
		Ends    bool   `json:"ends,omitempty"`
	}
	accountLine struct {
		Kind       string `json:"kind"`
		User       int64  `json:"user"`
		Name       string `json:"name"`
		Credential string `json:"credential,omitempty"`
		Password   string `json:"password,omitempty"`
	}
	groupLine struct {
		Kind    string `json:"kind"`
		Group   int64  `json:"group"`
		Name    string `json:"name,omitempty"`
		Creator int64  `json:"creator"`
		Request string `json:"request,omitempty"`
	}
	memberLine struct {
		Kind  string `json:"kind"`
		Group int64  `json:"group"`
		User  int64  `json:"user"`
	}
	messageLine struct {
		Kind     string `json:"kind"`
		From     int64  `json:"from"`
		FromName string `json:"fromName,omitempty"`
		To       int64  `json:"to,omitempty"`
		Group    int64  `json:"group,omitempty"`
		In       int64  `json:"in,omitempty"`
		ID       string `json:"id"`
		Time     int64  `json:"time,omitempty"`
		Text     string `json:"text"`
		Confirm  bool   `json:"confirm,omitempty"`
	}
	endLine struct {
		Kind    string `json:"kind"`
		Records int64  `json:"records"`
	}
)

// line is a line that was read. value is one of the types above, by reference.
type line struct {
	number int64
	kind   string
	value  any
}

// reader reads lines.
type reader struct {
	in      *bufio.Reader
	number  int64 // of the last line
	records int64
	header  header
	ended   bool
}

// newReader reads the header.
func newReader(r io.Reader) (*reader, error) {
	in := &reader{in: bufio.NewReaderSize(r, 64<<10)}
	b, err := in.line()
	switch {
	case err == io.EOF:
		return nil, in.bad(fmt.Errorf("it is empty, and lacks the header %s", headerText))
	case err != nil:
		return nil, err
	}
	if err := decode(b, &in.header); err != nil || in.header.Kind != kindHeader {
		return nil, in.bad(fmt.Errorf("it is not the header %s", headerText))
	}
	if in.header.Version != Version {
		return nil, in.bad(fmt.Errorf("its version is %d, and %d is the one that is known", in.header.Version, Version))
	}
	return in, nil
}

const headerText = `{"kind":"cim","version":1}`

// bad adds the number of the line to an error.
func (r *reader) bad(err error) error {
	return fmt.Errorf("line %d: %w: %w", max(r.number, 1), ErrLine, err)
}

// line returns the next line that is not empty, without its end, until the next call.
func (r *reader) line() ([]byte, error) {
	for {
		var b []byte
		for {
			piece, err := r.in.ReadSlice('\n')
			b = append(b, piece...)
			if len(b) > maxLine {
				r.number++
				return nil, r.bad(fmt.Errorf("it is longer than %d bytes", maxLine))
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && (err != io.EOF || len(b) == 0) {
				return nil, err
			}
			break
		}
		r.number++
		if b = bytes.TrimSpace(b); len(b) > 0 {
			return b, nil
		}
	}
}

// next returns the next record, or io.EOF after the last one. If the first line
// announces an end line and there is none, the file was cut off, and next returns an
// error.
func (r *reader) next() (line, error) {
	b, err := r.line()
	if err == io.EOF && r.header.Ends && !r.ended {
		return line{}, fmt.Errorf("%w: it is cut off behind line %d: the line %q is missing", ErrLine, r.number, kindEnd)
	}
	if err != nil {
		return line{}, err
	}
	if r.ended {
		return line{}, r.bad(fmt.Errorf("it stands behind the line %q", kindEnd))
	}
	l, err := parse(b)
	if err != nil {
		return line{}, r.bad(err)
	}
	l.number = r.number
	if end, ok := l.value.(*endLine); ok {
		r.ended = true
		if end.Records != r.records {
			return line{}, r.bad(fmt.Errorf("%d records came before it, and it says %d", r.records, end.Records))
		}
		return r.next()
	}
	r.records++
	return l, nil
}

// parse parses a line and checks it without the store.
func parse(b []byte) (line, error) {
	var k struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return line{}, fmt.Errorf("it is no JSON object: %w", err)
	}
	l := line{kind: k.Kind}
	switch k.Kind {
	case kindAccount:
		l.value = new(accountLine)
	case kindGroup:
		l.value = new(groupLine)
	case kindMember, kindRemoved:
		l.value = new(memberLine)
	case kindMessage:
		l.value = new(messageLine)
	case kindEnd:
		l.value = new(endLine)
	default:
		return line{}, fmt.Errorf("its kind %.32q is not known", k.Kind)
	}
	if err := decode(b, l.value); err != nil {
		return line{}, err
	}
	if c, ok := l.value.(interface{ check() error }); ok {
		return l, c.check()
	}
	return l, nil
}

// decode reads one JSON object, and refuses fields that are not known.
func decode(b []byte, value any) error {
	if !utf8.Valid(b) {
		return errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("it has more than one value")
	}
	return nil
}

func (a *accountLine) check() error {
	switch {
	case a.Credential != "" && a.Password != "":
		return errors.New("it has a credential and a password, and may have one of them")
	case len(a.Password) > 256:
		return errors.New("its password has more than 256 bytes")
	case a.Credential != "" && !identity.ValidCredential(a.Credential):
		return errors.New("its credential is none of Argon2id in the PHC string format")
	}
	return nil
}

func (g *groupLine) check() error {
	if g.Group <= proto.Everyone || g.Group > proto.MaxUser {
		return fmt.Errorf("its group is none: ids are 2 to %d", proto.MaxUser)
	}
	if g.Request == "" {
		g.Request = "import"
	}
	if !proto.ValidID(g.Request) {
		return errors.New("its request is no id of 1 to 64 printable ASCII characters")
	}
	return nil
}

func (m *memberLine) check() error {
	if m.Group <= proto.Everyone || m.Group > proto.MaxUser || m.User <= 0 || m.User > proto.MaxUser {
		return errors.New("its group or its user is no id")
	}
	return nil
}

func (m *messageLine) check() error {
	switch {
	case m.From <= 0 || m.From > proto.MaxUser:
		return errors.New("it lacks from, the id of its sender")
	case (m.To == 0) == (m.Group == 0), m.To < 0, m.To > proto.MaxUser, m.Group < 0, m.Group > proto.MaxUser:
		return errors.New("it wants either to, the id of its receiver, or group")
	case m.Group != 0 && (m.In != 0 || m.Confirm):
		return errors.New("in and confirm are for private messages")
	case m.In != 0 && m.In != m.To && m.In != m.From:
		return errors.New("in is whose inbox it is in: its sender or its receiver")
	case !proto.ValidID(m.ID):
		return errors.New("it lacks an id, of 1 to 64 printable ASCII characters without spaces")
	case m.Text == "":
		return errors.New("it lacks a text")
	}
	return nil
}
