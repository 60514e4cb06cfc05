package record

import (
	"strconv"
	"time"
)

const (
	// shards is the number of shards. It spreads firing over the routes and over the
	// masters of a Cluster. To ask all of them what is due takes a server some 50 us.
	// It must never change, because messages that were scheduled under another number
	// would not be found.
	shards = 32

	// holdTime is how long the lease of a shard lasts. If the route that has it dies,
	// messages that are due there wait that long.
	holdTime = 10 * time.Second
)

// shardRef names a shard of delayed messages. All delayed messages of one user are in
// one shard, so that they are fired in order.
type shardRef int

func shardOf(user int64) shardRef { return shardRef(user % shards) }

// key returns a key of the shard. All keys of a shard have one hash tag, and so one
// slot.
func (r shardRef) key(name string) string {
	return "cim:{d" + strconv.Itoa(int(r)) + "}:" + name
}

func (r shardRef) due() string      { return r.key("due") }
func (r shardRef) messages() string { return r.key("m") }
func (r shardRef) lease() string    { return r.key("lease") }

func (r shardRef) pending(user int64) string  { return r.key("p:" + strconv.FormatInt(user, 10)) }
func (r shardRef) outcomes(user int64) string { return r.key("o:" + strconv.FormatInt(user, 10)) }

// script returns an op that runs sc on the shard's keys and one sender's keys.
func (r shardRef) script(sc *script, user int64, args ...any) *op {
	keys := []string{r.due(), r.messages(), r.pending(user), r.outcomes(user)}
	return &op{key: r.due(), script: sc, keys: keys, args: args, write: true}
}
