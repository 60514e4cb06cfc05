package record

import (
	"strconv"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
)

// shardRef is the shard that has all delayed messages of one user, so that they are sent
// in order.
type shardRef struct{ queue.Shard }

func shardOf(user int64) shardRef { return shardRef{queue.ShardOf(user)} }

func (r shardRef) due() string      { return r.Key("due") }
func (r shardRef) messages() string { return r.Key("m") }

func (r shardRef) pending(user int64) string  { return r.Key("p:" + strconv.FormatInt(user, 10)) }
func (r shardRef) outcomes(user int64) string { return r.Key("o:" + strconv.FormatInt(user, 10)) }

// script returns an op that runs sc on the keys of the shard and of the sender user.
func (r shardRef) script(sc *op.Script, user int64, args ...any) *op.Op {
	keys := []string{r.due(), r.messages(), r.pending(user), r.outcomes(user)}
	return &op.Op{Key: r.due(), Script: sc, Keys: keys, Args: args, Write: true}
}
