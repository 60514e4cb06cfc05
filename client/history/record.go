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

// maxLine bounds the length of a line, in bytes. A message of the largest frame and its
// names fit in, even if JSON writes each byte as six bytes.
const maxLine = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBadLine = errors.New("line is damaged")

// record is one line. Exactly one of its fields is set.
type record struct {
	User    int64           `json:"user,omitempty"`
	Message *proto.Message  `json:"message,omitempty"` // its field At is its position
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

// position returns the record's position in its log, and the message there or nil. It
// must not be called for the record that names the user.
func (r record) position() (proto.Position, *proto.Message) {
	if r.Message != nil {
		return r.Message.At, r.Message
	}
	return *r.At, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// scan calls the function each for every valid record. It returns the number of bytes up
// to the end of the last valid record. The rest is a record that a crash has cut off. It
// skips damaged lines, and returns their number. Its errors come from the reader r.
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

// readLine returns the next line without its line feed, and its length with the line
// feed. For a line longer than maxLine, it returns an empty line. It returns io.EOF if
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
