// Package scan looks at all keys of all masters, at once or in steps. It is for exports
// and for work in the background, because it takes too long for a request.
package scan

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
)

// Count is how many keys or fields one SCAN looks at. The store takes half a millisecond
// to list that many keys.
const Count = 1000

// IDs returns the ids in all keys of the form before + id + after, each once and in
// ascending order. It takes eight bytes of memory per id. The error is op.ErrUnavailable.
func IDs(ctx context.Context, t servers.Topology, before, after string) ([]int64, error) {
	pattern := before + "*" + after
	var mu sync.Mutex
	var ids []int64
	err := t.Each(ctx, func(ctx context.Context, c *redis.Client) error {
		for cursor, begun := uint64(0), false; cursor != 0 || !begun; begun = true {
			var keys []string
			var err error
			if keys, cursor, err = c.Scan(ctx, cursor, pattern, Count).Result(); err != nil {
				return err
			}
			mu.Lock()
			for _, key := range keys {
				if n, ok := ID(key, before, after); ok {
					ids = append(ids, n)
				}
			}
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list keys %s: %w", pattern, op.Classify(err, false))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// ID returns the positive number in a key of the form before + number + after. It returns
// false if the key has another form.
func ID(key, before, after string) (int64, bool) {
	rest, ok := strings.CutPrefix(key, before)
	digits, ok2 := strings.CutSuffix(rest, after)
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, ok && ok2 && err == nil && id > 0 && strconv.FormatInt(id, 10) == digits
}

// End is the place of a scan that has reached the end.
const End = "end"

// Step continues a scan for about the time in lasts, with one SCAN at least. It begins at
// a place, and returns the place that it has reached. It calls the function found with
// the keys that match the pattern. If that function returns an error, or the store does
// not answer, Step returns that error and the place where it began.
//
// A place is the text "HASH NUMBER CURSOR": a hash of the masters' addresses, the number
// of a master, and the cursor of its SCAN. If the hash has changed, because of a failover
// or more masters, the scan starts over. It also starts at the beginning if the place is
// empty.
func Step(ctx context.Context, t servers.Topology, place, pattern string, lasts time.Duration, found func(keys []string) error) (string, error) {
	clients, err := masters(ctx, t)
	if err != nil {
		return place, err
	}
	hash := fnv.New64a()
	for _, m := range clients {
		fmt.Fprintln(hash, m.Options().Addr)
	}
	which := strconv.FormatUint(hash.Sum64(), 16)
	var before string
	var i int
	var cursor uint64
	if n, _ := fmt.Sscan(place, &before, &i, &cursor); n != 3 || before != which {
		i, cursor = 0, 0
	}
	for end, begun := time.Now().Add(lasts), false; i < len(clients) && (!begun || time.Now().Before(end)); begun = true {
		var keys []string
		keys, cursor, err = clients[i].Scan(ctx, cursor, pattern, Count).Result()
		if err != nil {
			return place, fmt.Errorf("scan keys %s: %w", pattern, op.Classify(err, false))
		}
		if err := found(keys); err != nil {
			return place, err
		}
		if cursor == 0 {
			i++
		}
	}
	if i >= len(clients) {
		return End, nil
	}
	return fmt.Sprintf("%s %d %d", which, i, cursor), nil
}

// masters returns the clients of all masters, in the order of their addresses.
func masters(ctx context.Context, t servers.Topology) ([]*redis.Client, error) {
	var mu sync.Mutex
	var list []*redis.Client
	err := t.Each(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("name the masters: %w", op.Classify(err, false))
	}
	slices.SortFunc(list, func(a, b *redis.Client) int { return strings.Compare(a.Options().Addr, b.Options().Addr) })
	return list, nil
}
