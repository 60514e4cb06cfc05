package record

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// everything returns all keys of a store, each with all that it has, in one text.
func everything(t testing.TB, s *Store) map[string]string {
	t.Helper()
	var mu sync.Mutex
	all := make(map[string]string)
	err := s.Topology.Each(t.Context(), func(ctx context.Context, c *redis.Client) error {
		keys := c.Scan(ctx, 0, "*", 1000).Iterator()
		for keys.Next(ctx) {
			text, err := valueOf(ctx, c, keys.Val())
			if err != nil {
				return err
			}
			mu.Lock()
			all[keys.Val()] = text
			mu.Unlock()
		}
		return keys.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func valueOf(ctx context.Context, c *redis.Client, key string) (string, error) {
	kind, err := c.Type(ctx, key).Result()
	if err != nil {
		return "", err
	}
	switch kind {
	case "string":
		return c.Get(ctx, key).Result()
	case "list":
		list, err := c.LRange(ctx, key, 0, -1).Result()
		return strings.Join(list, "\n"), err
	case "hash":
		hash, err := c.HGetAll(ctx, key).Result()
		return fmt.Sprint(hash), err
	default:
		list, err := c.ZRangeWithScores(ctx, key, 0, -1).Result()
		return fmt.Sprint(list), err
	}
}
