package record

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// probeKey stands for all keys: its name is like theirs, and it is never written.
const probeKey = "cim:{probe}"

// needed are the commands that a Store sends or its scripts call, each with valid
// arguments. The user of Config needs them all, on the keys cim:*, beside PING, INFO,
// MULTI, EXEC and DISCARD. Config.Replicas needs WAIT; a Cluster needs CLUSTER SLOTS
// (or SHARDS), COMMAND, READONLY and ASKING. To Redis:
//
//	ACL SETUSER cim on >PASSWORD ~cim:* +@all -@dangerous +info
var needed = [][]any{
	{"del", probeKey}, {"exists", probeKey}, {"expire", probeKey, 1}, {"persist", probeKey}, {"pexpire", probeKey, 1}, {"pttl", probeKey}, {"ttl", probeKey},
	{"get", probeKey}, {"mget", probeKey}, {"set", probeKey, ""}, {"scan", 0},
	{"hdel", probeKey, "f"}, {"hexists", probeKey, "f"}, {"hget", probeKey, "f"}, {"hgetall", probeKey}, {"hincrby", probeKey, "f", 1},
	{"hlen", probeKey}, {"hmget", probeKey, "f"}, {"hscan", probeKey, 0}, {"hset", probeKey, "f", ""}, {"hsetnx", probeKey, "f", ""},
	{"lindex", probeKey, 0}, {"llen", probeKey}, {"lrange", probeKey, 0, 0}, {"lset", probeKey, 0, ""}, {"ltrim", probeKey, 0, -1},
	{"rpush", probeKey, ""}, {"rpushx", probeKey, ""},
	{"zadd", probeKey, 1, "m"}, {"zcard", probeKey}, {"zrange", probeKey, 0, 0}, {"zrangebyscore", probeKey, 0, 0}, {"zrem", probeKey, "m"},
	{"zremrangebyrank", probeKey, 0, 0}, {"zrevrange", probeKey, 0, 0}, {"zrevrangebyscore", probeKey, 0, 0}, {"zscore", probeKey, "m"},
	{"time"}, {"eval", "return 1", 1, probeKey}, {"evalsha", readScript.hash, 1, probeKey},
}

// checkRights returns an error that wraps ErrUnfit and names the commands that the
// store's user may not use. It queues all of them in a transaction, because a server
// checks rights when it queues a command. Then it discards the transaction, so nothing
// is executed. It uses a connection of its own and closes it, so that a refusal leaves
// nothing behind.
func (s *Store) checkRights(ctx context.Context, c *redis.Client) error {
	options := *c.Options()
	options.PoolSize, options.MinIdleConns = 1, 0
	client := redis.NewClient(&options)
	defer client.Close()
	conn := client.Conn()
	defer conn.Close()
	// Each transaction is one pipeline, because a connection inside a transaction
	// cannot be probed.
	queue := conn.Pipeline()
	empty := []*redis.Cmd{queue.Do(ctx, "multi"), queue.Do(ctx, "exec")}
	_, _ = queue.Exec(ctx)
	for _, command := range empty {
		if err := command.Err(); err != nil {
			return fmt.Errorf("ask store for its user's rights: %s: %w", command.Name(), classify(err, false))
		}
	}
	queue.Do(ctx, "multi")
	answers := make([]*redis.Cmd, 0, len(needed)+2)
	for _, command := range needed {
		answers = append(answers, queue.Do(ctx, command...))
	}
	if s.writers != nil {
		answers = append(answers, queue.Do(ctx, "wait", 0, 1))
	}
	answers = append(answers, queue.Do(ctx, "discard"))
	_, _ = queue.Exec(ctx) // its error is that of one of them
	var refused []string
	var first error
	for _, answer := range answers {
		if err := answer.Err(); err != nil && (!answered(err) || redis.HasErrorPrefix(err, "NOPERM")) {
			refused = append(refused, strings.ToUpper(answer.Name()))
			if first == nil {
				first = err
			}
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("store refuses %s to its user: %w", strings.Join(refused, ", "), classify(first, false))
}
