package proto

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
)

// MaxID is the largest length of a message's id in bytes.
const MaxID = 64

// Key returns an entry's key, which is the sender and the sender's id of the message:
// "42:4f3a...". Unlike a position, it is unique for ever.
func Key(from int64, id string) string { return strconv.FormatInt(from, 10) + ":" + id }

// ParseKey is the inverse of Key. It returns an error for a sender in another form,
// such as "+42" or "042", so that keys may be compared as strings. It does not check
// the id. Its errors do not quote the key, which may come from an untrusted peer.
func ParseKey(key string) (from int64, id string, err error) {
	sender, id, ok := strings.Cut(key, ":")
	if !ok {
		return 0, "", errors.New("key has no colon")
	}
	from, err = strconv.ParseInt(sender, 10, 64)
	if err != nil || strconv.FormatInt(from, 10) != sender {
		return 0, "", errors.New("key does not start with a sender's id")
	}
	return from, id, nil
}

// ValidID reports whether id may be a message's id: 1 to MaxID printable ASCII characters
// without spaces. A log separates key and body by a line feed.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// EncodeStored returns the bytes that a log stores: the key, a line feed, and the encoded
// entry. The key is first so that a script can read it without decoding. The key must
// have no line feed (see ValidID). The only error is a text that is not UTF-8.
func EncodeStored(key string, e *Entry) ([]byte, error) {
	b := make([]byte, 0, len(key)+1+proto.Size(e))
	b = append(append(b, key...), '\n')
	b, err := proto.MarshalOptions{}.MarshalAppend(b, e)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	return b, nil
}

// SplitStored splits the bytes of a log into the key and the encoded entry, which shares
// b's memory. The only error is a missing line feed.
func SplitStored(b []byte) (key string, entry []byte, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return "", nil, errors.New("stored entry has no key")
	}
	return string(b[:i]), b[i+1:], nil
}

// Message decodes a stored entry. It returns an error if the entry or the key cannot be
// decoded. The message shares no memory with s.
func (s *Stored) Message() (Message, error) {
	at := s.GetAt().Position()
	at.Key = s.GetKey()
	return message(at, s.GetPrev(), s.GetEntry())
}

// message decodes an entry. Its position has the key.
func message(at Position, prev string, entry []byte) (Message, error) {
	var e Entry
	if err := proto.Unmarshal(entry, &e); err != nil {
		return Message{}, fmt.Errorf("decode entry: %w", err)
	}
	from, id, err := ParseKey(at.Key)
	if err != nil {
		return Message{}, err
	}
	return Message{
		ID: id, From: from, FromName: e.FromName, To: e.To, Group: e.Group,
		Text: e.Text, Time: e.Time, Kind: e.Kind, By: e.By, At: at, Prev: prev, Confirm: e.Confirm,
	}, nil
}
