package record

import (
	"fmt"
	"strings"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// keyOf returns the key of an entry as stored. It is empty if there is no entry.
func keyOf(stored string) string {
	key, _, _ := strings.Cut(stored, "\n")
	return key
}

// storedAt returns an entry with its position. It shares stored's memory.
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

// isGenesis reports whether an entry is the first one, which makes a list exist. No
// sender has the number zero.
func isGenesis(key string) bool { return key == genesisKey }

// isExpired reports whether an entry has lost its text and keeps only its place: see
// sweep.lua. It is shorter than any entry with a text.
func isExpired(encoded []byte) bool {
	if len(encoded) > 16 {
		return false
	}
	e, err := decodeEntry(encoded)
	return err == nil && e.GetKind() == proto.Kind_EXPIRED
}
