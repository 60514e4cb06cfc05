package record

import (
	"strconv"
	"time"

	"github.com/cim-go/cim/routefn/record/op"
)

const (
	// shards is the number of shards. They spread the sending of delayed messages over
	// the routes, and over the masters of a Cluster. To ask all shards what is due
	// takes a server some 50 us. The number must never change, because messages that
	// were scheduled under another number would not be found.
	shards = 32

	// holdTime is how long the lease of a shard lasts. If the route that has the lease
	// dies, due messages of the shard wait that long.
	holdTime = 10 * time.Second
)

// shardRef is the number of a shard. All delayed messages of one user are in one shard,
// so that they are sent in order.
type shardRef int

func shardOf(user int64) shardRef { return shardRef(user % shards) }

// key returns a key of the shard. The parameter name is its last part. All keys of a
// shard are in one slot.
func (r shardRef) key(name string) string {
	return "cim:{d" + strconv.Itoa(int(r)) + "}:" + name
}

func (r shardRef) due() string      { return r.key("due") }
func (r shardRef) messages() string { return r.key("m") }
func (r shardRef) lease() string    { return r.key("lease") }

func (r shardRef) pending(user int64) string  { return r.key("p:" + strconv.FormatInt(user, 10)) }
func (r shardRef) outcomes(user int64) string { return r.key("o:" + strconv.FormatInt(user, 10)) }

// script returns an op that runs sc on the keys of the shard and of the sender user.
func (r shardRef) script(sc *op.Script, user int64, args ...any) *op.Op {
	keys := []string{r.due(), r.messages(), r.pending(user), r.outcomes(user)}
	return &op.Op{Key: r.due(), Script: sc, Keys: keys, Args: args, Write: true}
}
