package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine is how many bytes a line may have. A text of 64 KiB may take six times as many
// bytes in JSON.
const maxLine = 4 << 20

// Check reads all lines and returns the first error, which wraps ErrLine if a line is
// malformed. It writes nothing and uses no store.
func Check(r io.Reader) error {
	in, err := NewReader(r)
	for err == nil {
		_, err = in.Next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// Reader reads the lines of a file, and checks each line as far as that is possible
// without a store.
type Reader struct {
	in      *bufio.Reader
	number  int64 // number of the latest line
	records int64
	header  Header
	ended   bool
}

// NewReader reads the header, and returns an error that wraps ErrLine if there is none.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{in: bufio.NewReaderSize(r, 64<<10)}
	b, err := in.line()
	switch {
	case err == io.EOF:
		return nil, in.bad(fmt.Errorf("it is empty, and lacks the header %s", headerText))
	case err != nil:
		return nil, err
	}
	if err := decode(b, &in.header); err != nil || in.header.Kind != KindHeader {
		return nil, in.bad(fmt.Errorf("it is not the header %s", headerText))
	}
	if in.header.Version != Version {
		return nil, in.bad(fmt.Errorf("its version is %d, want %d", in.header.Version, Version))
	}
	return in, nil
}

const headerText = `{"kind":"cim","version":1}`

// bad adds the number of the latest line to an error, and wraps ErrLine.
func (r *Reader) bad(err error) error {
	return fmt.Errorf("line %d: %w: %w", max(r.number, 1), ErrLine, err)
}

// line returns the next line that is not empty, without its line break. The bytes are
// valid until the next call.
func (r *Reader) line() ([]byte, error) {
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

// Next returns the next record, or io.EOF after the last one. A file whose header
// announces an end line, but which has none, was cut off. At its end, Next returns an
// error that wraps ErrLine.
func (r *Reader) Next() (Line, error) {
	b, err := r.line()
	if err == io.EOF && r.header.Ends && !r.ended {
		return Line{}, fmt.Errorf("%w: it is cut off after line %d: the line %q is missing", ErrLine, r.number, KindEnd)
	}
	if err != nil {
		return Line{}, err
	}
	if r.ended {
		return Line{}, r.bad(fmt.Errorf("it comes after the line %q", KindEnd))
	}
	l, err := parse(b)
	if err != nil {
		return Line{}, r.bad(err)
	}
	l.Number = r.number
	if end, ok := l.Value.(*End); ok {
		r.ended = true
		if end.Records != r.records {
			return Line{}, r.bad(fmt.Errorf("%d records came before it, and it says %d", r.records, end.Records))
		}
		return r.Next()
	}
	r.records++
	return l, nil
}

// parse parses a line, and checks all that can be checked without the store.
func parse(b []byte) (Line, error) {
	var k struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return Line{}, fmt.Errorf("it is no JSON object: %w", err)
	}
	l := Line{Kind: k.Kind}
	switch k.Kind {
	case KindAccount:
		l.Value = new(Account)
	case KindGroup:
		l.Value = new(Group)
	case KindMember, KindRemoved:
		l.Value = new(Member)
	case KindMessage:
		l.Value = new(Message)
	case KindEnd:
		l.Value = new(End)
	default:
		if l.Value = ownValue(k.Kind); l.Value == nil {
			return Line{}, fmt.Errorf("its kind %.32q is not known", k.Kind)
		}
	}
	if err := decode(b, l.Value); err != nil {
		return Line{}, err
	}
	if c, ok := l.Value.(interface{ check() error }); ok {
		return l, c.check()
	}
	return l, nil
}

// decode decodes one JSON object into the variable to which the parameter value points. It
// refuses unknown fields.
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
