// Package dedup remembers under which ids senders have sent messages. So any route recognises
// a repetition in one step, without a search in a log.
//
//	the ids are in two hashes          dedup.go
//	ids are claimed, and released      claim.go; lua/release.lua
//	one hash replaces the other        dedup.go; lua/rotate.lua
//
// An id is claimed in the slot of its sender, before its message is appended to any log.
// The log may be in another slot. So if an id is claimed, its message may be in its log,
// or not. If an id is not claimed, its message is in no log. Package record has the table
// of all interleavings, and does the rest.
//
// # Two hashes
//
// The ids of a sender are in a hash for the present generation. A generation lasts for
// Config.Keep, by the store's clock, or until the sender has used Config.Most ids. The hash of
// the generation before is read with each claim. So an id is remembered for one generation at
// least, and for two at most. Then its hash expires as a whole.
//
// Near the end of a generation, the clock of another route may be in the next one
// already. So the hash of the next one is read, too.
//
// A field has 12 bytes of a digest of the id. Its value has 8 bytes of a digest of the
// receiver and the text. Then come 6 bytes with the time in ms when the id was claimed,
// or its message was stored. If the field or its value were longer, Redis would take more
// memory for each entry.
//
// An id takes 20 to 40 bytes while its hash is small, and 55 to 70 in a large one. Each hash
// takes some 200 bytes more.
package dedup

import (
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/recent"
)

//go:embed lua/*.lua
var folder embed.FS

var (
	lua           = op.Library{folder}
	releaseScript = lua.Load("release")
	rotateScript  = lua.Load("rotate")
)

const (
	// apart is by how much the clocks of two routes may differ, in ms.
	apart = 60_000
	// fieldSize is the length of a field in bytes: the first bytes of a digest of an id.
	// Two of 200,000 ids have the same field with a probability of 10^-19.
	fieldSize = 12
	// begun is a field of a generation that has replaced a full one: the time in ms when
	// it began. The fields of ids are longer.
	begun = "begun"
)

// Config says how long ids are remembered. All routes must have the same Keep.
type Config struct {
	Keep time.Duration // the least time for which an id is remembered; zero: 24 h. It must be two minutes or more
	Most int           // the least number of ids of one sender that are remembered; zero: 100,000
}

// Check returns an error for a Keep that is too short for two generations.
func (c Config) Check() error {
	if c.Keep != 0 && c.Keep < 2*apart*time.Millisecond || c.Most < 0 {
		return fmt.Errorf("ids cannot be remembered for %v, %d of a sender: two minutes are the least", c.Keep, c.Most)
	}
	return nil
}

// Index makes operations on the ids of all senders. It is safe for concurrent use.
type Index struct {
	keep int64 // ms
	most int

	// expiring has, for each sender, the latest generation whose hash is known to expire.
	expiring recent.Cache[int64, int64]
}

// New returns an Index.
func New(c Config) *Index {
	x := &Index{keep: c.Keep.Milliseconds(), most: c.Most}
	if x.keep == 0 {
		x.keep = (24 * time.Hour).Milliseconds()
	}
	if x.most == 0 {
		x.most = 100_000
	}
	return x
}

// Use is what an id was used for.
type Use struct {
	Content uint64 // a hash of the receiver and the text
	At      int64  // when it was claimed, in ms by the store's clock
}

const useSize = 14 // with 16 bytes, an entry of a hash would take 16 more

func (u Use) encode() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], u.Content)
	binary.BigEndian.PutUint64(b[8:], uint64(u.At)<<16)
	return string(b[:useSize])
}

func decode(value string) (Use, bool) {
	if len(value) != useSize {
		return Use{}, false
	}
	b := append([]byte(value), 0, 0)
	return Use{binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:]) >> 16)}, true
}

func fieldOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return string(sum[:fieldSize])
}

// key returns the key of the hash with a sender's ids of one generation.
func key(user, generation int64) string {
	return logref.Ref{User: user}.Key("ids:" + strconv.FormatInt(generation, 10))
}

// Keys returns all keys that a sender may have at the time now, in ms by the store's clock.
func (x *Index) Keys(user, now int64) []string {
	g := now / x.keep
	return []string{key(user, g-1), key(user, g), key(user, g+1)}
}

// others returns the keys of the other generations that may have ids of the sender. The
// key of the present generation is not among them.
func (x *Index) others(user, now int64) []string {
	g := now / x.keep
	if x.keep-now%x.keep < apart {
		return []string{key(user, g-1), key(user, g+1)}
	}
	return []string{key(user, g-1)}
}

// expires reports whether the present hash of a sender is known to expire.
func (x *Index) expires(user, now int64) bool {
	known, ok := x.expiring.Get(user)
	return ok && known == now/x.keep
}

// life returns the time for which a hash lives after its first id, in ms.
func (x *Index) life() int64 { return 2*x.keep + apart }

// Rotate returns the op that begins a new generation if the present one is full.
func (x *Index) Rotate(user, now int64) *op.Op {
	g := now / x.keep
	keys := []string{key(user, g), key(user, g-1)}
	return &op.Op{Key: keys[0], Script: rotateScript, Keys: keys, Args: []any{x.most, now, x.life()}, Write: true}
}
