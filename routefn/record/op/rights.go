package op

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

// probeKey stands for all keys in the commands of needed. It has the same prefix as real
// keys, and nothing is ever written to it.
const probeKey = "cim:{probe}"

// needed lists the commands that package record, the packages below it, and their scripts
// send. Each has valid arguments. The store's user needs the right to all of them, on the
// keys cim:*. It also needs PING, INFO, MULTI, EXEC and DISCARD. With Config.Replicas it
// needs WAIT. In a Cluster it needs CLUSTER SLOTS (or SHARDS), COMMAND, READONLY and
// ASKING. The command that gives a user these rights:
//
//	ACL SETUSER cim on >PASSWORD ~cim:* +@all -@dangerous +info
var needed = [][]any{
	{"del", probeKey}, {"exists", probeKey}, {"expire", probeKey, 1}, {"persist", probeKey}, {"pexpire", probeKey, 1}, {"pttl", probeKey}, {"ttl", probeKey},
	{"get", probeKey}, {"mget", probeKey}, {"rename", probeKey, probeKey}, {"set", probeKey, ""}, {"scan", 0}, {"unlink", probeKey},
	{"hdel", probeKey, "f"}, {"hexists", probeKey, "f"}, {"hget", probeKey, "f"}, {"hgetall", probeKey}, {"hincrby", probeKey, "f", 1},
	{"hlen", probeKey}, {"hmget", probeKey, "f"}, {"hscan", probeKey, 0}, {"hset", probeKey, "f", ""}, {"hsetnx", probeKey, "f", ""},
	{"lindex", probeKey, 0}, {"llen", probeKey}, {"lrange", probeKey, 0, 0}, {"lset", probeKey, 0, ""}, {"ltrim", probeKey, 0, -1},
	{"rpush", probeKey, ""}, {"rpushx", probeKey, ""},
	{"zadd", probeKey, 1, "m"}, {"zcard", probeKey}, {"zrange", probeKey, 0, 0}, {"zrangebyscore", probeKey, 0, 0}, {"zrem", probeKey, "m"},
	{"zremrangebyrank", probeKey, 0, 0}, {"zrevrange", probeKey, 0, 0}, {"zrevrangebyscore", probeKey, 0, 0}, {"zscore", probeKey, "m"},
	{"time"}, {"eval", "return 1", 1, probeKey}, {"evalsha", readScript.hash, 1, probeKey},
}

// checkRights checks that the store's user may use all commands of needed, and that the
// server knows them. If not, the error names the commands that fail one of these checks.
// A server checks a command when it queues it for a transaction. So checkRights queues
// all commands and then discards the transaction, and nothing is executed. It makes a
// connection for that and closes it, so that no connection stays in a transaction.
func (d *DB) checkRights(ctx context.Context, c *redis.Client) error {
	options := *c.Options()
	options.PoolSize, options.MinIdleConns = 1, 0
	client := redis.NewClient(&options)
	defer client.Close()
	conn := client.Conn()
	defer conn.Close()
	// Each transaction is sent in one pipeline. Between two pipelines the connection
	// may be probed, and a probe inside a transaction would fail.
	queue := conn.Pipeline()
	empty := []*redis.Cmd{queue.Do(ctx, "multi"), queue.Do(ctx, "exec")}
	_, _ = queue.Exec(ctx)
	for _, command := range empty {
		if err := command.Err(); err != nil {
			return fmt.Errorf("ask store for its user's rights: %s: %w", command.Name(), Classify(err, false))
		}
	}
	queue.Do(ctx, "multi")
	answers := make([]*redis.Cmd, 0, len(needed)+2)
	for _, command := range needed {
		answers = append(answers, queue.Do(ctx, command...))
	}
	if d.writers != nil {
		answers = append(answers, queue.Do(ctx, "wait", 0, 1))
	}
	answers = append(answers, queue.Do(ctx, "discard"))
	_, _ = queue.Exec(ctx) // its error is also in one of the answers
	var refused []string
	var first error
	for _, answer := range answers {
		if err := answer.Err(); err != nil && (!servers.Answered(err) || servers.Refuses(err)) {
			refused = append(refused, strings.ToUpper(answer.Name()))
			if first == nil {
				first = err
			}
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("store does not let its user run %s: %w", strings.Join(refused, ", "), Classify(first, false))
}
