package record

import (
	"fmt"
	"strings"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// keyOf returns the key of a stored entry. If there is no entry, stored is empty, and
// so is the key.
func keyOf(stored string) string {
	key, _, _ := strings.Cut(stored, "\n")
	return key
}

// storedAt decodes a stored entry. The parameter at is its position, and prev is the
// key of the entry before it. The result shares memory with stored.
func storedAt(at proto.Position, prev string, stored []byte) (*proto.Stored, error) {
	key, entry, err := proto.SplitStored(stored)
	if err != nil {
		return nil, fmt.Errorf("entry %d of log %d: %w", at.Number, at.Log, err)
	}
	at.Key = key
	return &proto.Stored{At: at.Mark(), Prev: prev, Key: key, Entry: entry}, nil
}

func decodeEntry(encoded []byte) (*proto.Entry, error) {
	var e proto.Entry
	if err := pb.Unmarshal(encoded, &e); err != nil {
		return nil, fmt.Errorf("decode entry: %w", err)
	}
	return &e, nil
}

// genesisKey is the key of the first entry of every log.
const genesisKey = "0:genesis"

// isGenesis reports whether an entry is the first one of its log, which makes the list
// exist. No message has its key, because no user has the id zero.
func isGenesis(key string) bool { return key == genesisKey }

// isExpired reports whether an encoded entry has lost its text and keeps only its
// place: see sweep.lua. Such an entry has at most 16 bytes.
func isExpired(encoded []byte) bool {
	if len(encoded) > 16 {
		return false
	}
	e, err := decodeEntry(encoded)
	return err == nil && e.GetKind() == proto.Kind_EXPIRED
}
