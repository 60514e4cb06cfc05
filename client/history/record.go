package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// maxLine is the longest line that is read, in bytes: a message of the largest
// frame, each byte escaped as six, with room for its names.
const maxLine = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBadLine = errors.New("line is damaged")

// record is one line: exactly one of its fields is set.
type record struct {
	User    int64           `json:"user,omitempty"`
	Message *proto.Message  `json:"message,omitempty"` // stands at its own At
	At      *proto.Position `json:"at,omitempty"`
}

// encode returns the line, with its line feed.
func (r record) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("00000000 ")
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	line := b.Bytes()
	copy(line, fmt.Sprintf("%08x", checksum(line[9:len(line)-1])))
	return line, nil
}

// decode reads a line without its line feed. The error is errBadLine.
func decode(line []byte) (record, error) {
	if len(line) < 9 || line[8] != ' ' {
		return record{}, errBadLine
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != checksum(line[9:]) {
		return record{}, errBadLine
	}
	var r record
	if json.Unmarshal(line[9:], &r) != nil || !r.valid() {
		return record{}, errBadLine
	}
	return r, nil
}

func (r record) valid() bool {
	set := 0
	for _, is := range []bool{r.User != 0, r.Message != nil, r.At != nil} {
		if is {
			set++
		}
	}
	return set == 1
}

// position returns where the record stands, and the message there or nil. Only
// for a record that does not name the user.
func (r record) position() (proto.Position, *proto.Message) {
	if r.Message != nil {
		return r.Message.At, r.Message
	}
	return *r.At, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// scan calls each for every valid record and returns the length in bytes of the
// file up to the end of the last one: what follows it was cut off by a crash.
// Damaged lines are counted and passed over. An error is one of reading.
func scan(r io.Reader, each func(record)) (size int64, damaged int, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	var offset int64
	for {
		line, n, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return size, damaged, nil
		}
		if err != nil {
			return size, damaged, fmt.Errorf("read history: %w", err)
		}
		offset += n
		rec, err := decode(line)
		if err != nil {
			damaged++
			continue
		}
		size = offset
		each(rec)
	}
}

// readLine returns the next line without its line feed, and how many bytes it
// took with it. A line above maxLine comes back empty. It returns io.EOF when
// no whole line is left.
func readLine(in *bufio.Reader) (line []byte, n int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		n += int64(len(part))
		if n <= maxLine {
			line = append(line, part...)
		} else {
			line = nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, n, err
		}
		return bytes.TrimSuffix(line, []byte("\n")), n, nil
	}
}
