package delayed

import (
	"strconv"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
)

// Shard is the shard that has all delayed messages of one user, so that they are sent
// in order.
type Shard struct{ queue.Shard }

// ShardOf returns the shard of a user.
func ShardOf(user int64) Shard { return Shard{queue.ShardOf(user)} }

// Due returns the key that has the messages in the order in which they are due.
func (r Shard) Due() string { return r.Key("due") }

// Messages returns the key of the messages themselves.
func (r Shard) Messages() string { return r.Key("m") }

// Pending returns the key of a user's messages that were not sent yet.
func (r Shard) Pending(user int64) string { return r.Key("p:" + strconv.FormatInt(user, 10)) }

// Outcomes returns the key that says how a user's messages ended.
func (r Shard) Outcomes(user int64) string { return r.Key("o:" + strconv.FormatInt(user, 10)) }

// script returns an op that runs sc on the keys of the shard and of the sender user.
func (r Shard) script(sc *op.Script, user int64, args ...any) *op.Op {
	keys := []string{r.Due(), r.Messages(), r.Pending(user), r.Outcomes(user)}
	return &op.Op{Key: r.Due(), Script: sc, Keys: keys, Args: args, Write: true}
}
