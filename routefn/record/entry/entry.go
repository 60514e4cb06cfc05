// Package entry writes and reads the entries of logs as they are stored: a key, a line
// feed, and an encoded proto.Entry. It knows two kinds of entries that are no messages.
// The genesis entry makes the list of a log exist. Of an expired entry only its place is
// left.
package entry

import (
	"embed"
	"fmt"
	"strings"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// Lua has the file by which scripts read entries.
//
//go:embed lua/*.lua
var Lua embed.FS

// KeyOf returns the key of a stored entry. If there is no entry, stored is empty, and
// so is the key.
func KeyOf(stored string) string {
	key, _, _ := strings.Cut(stored, "\n")
	return key
}

// Encode encodes a message as it is stored. The parameter id is the one that the sender
// gave to the message. The error is op.ErrInvalid. Encode returns the key even with that
// error.
func Encode(from int64, id string, e *proto.Entry) (key string, stored []byte, err error) {
	key = proto.Key(from, id)
	if from <= 0 || e.GetGroup() == 0 && e.GetTo() <= 0 || !proto.ValidID(id) {
		return key, nil, fmt.Errorf("%w: message %q from %d to %d", op.ErrInvalid, id, from, e.GetTo())
	}
	if stored, err = proto.EncodeStored(key, e); err != nil {
		err = fmt.Errorf("%w: %w", op.ErrInvalid, err)
	}
	return key, stored, err
}

// At decodes a stored entry. The parameter at is its position, and prev is the
// key of the entry before it. The result shares memory with stored.
func At(at proto.Position, prev string, stored []byte) (*proto.Stored, error) {
	key, entry, err := proto.SplitStored(stored)
	if err != nil {
		return nil, fmt.Errorf("entry %d of log %d: %w", at.Number, at.Log, err)
	}
	at.Key = key
	return &proto.Stored{At: at.Mark(), Prev: prev, Key: key, Entry: entry}, nil
}

// Decode decodes the part of a stored entry that follows its key.
func Decode(encoded []byte) (*proto.Entry, error) {
	var e proto.Entry
	if err := pb.Unmarshal(encoded, &e); err != nil {
		return nil, fmt.Errorf("decode entry: %w", err)
	}
	return &e, nil
}

// GenesisKey is the key of the first entry of every log.
const GenesisKey = "0:genesis"

// IsGenesis reports whether the key is that of a genesis entry, the first entry of a log.
// No message has that key, because no user has the id zero.
func IsGenesis(key string) bool { return key == GenesisKey }

// IsExpired reports whether an encoded entry has lost its text and keeps only its
// place: see sweep.lua. Such an entry has at most 16 bytes.
func IsExpired(encoded []byte) bool {
	if len(encoded) > 16 {
		return false
	}
	e, err := Decode(encoded)
	return err == nil && e.GetKind() == proto.Kind_EXPIRED
}
