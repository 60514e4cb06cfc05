package redistest

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Hashes returns the hashes whose keys match a pattern, by key. It also returns the time
// by the server's clock. It reads them one by one, so that other callers of the server
// need not wait.
func (s *Server) Hashes(ctx context.Context, pattern string) (hashes map[string]map[string]string, clock time.Time, err error) {
	client := s.client()
	defer client.Close()
	clock, err = client.Time(ctx).Result()
	if err != nil {
		return nil, clock, fmt.Errorf("read redis-server at %s: %w", s.addr, err)
	}
	hashes = make(map[string]map[string]string)
	keys := client.ScanType(ctx, 0, pattern, scanned, "hash").Iterator()
	for keys.Next(ctx) {
		if hashes[keys.Val()], err = client.HGetAll(ctx, keys.Val()).Result(); err != nil {
			return nil, clock, fmt.Errorf("read %s of redis-server at %s: %w", keys.Val(), s.addr, err)
		}
	}
	if err := keys.Err(); err != nil {
		return nil, clock, fmt.Errorf("read redis-server at %s: %w", s.addr, err)
	}
	return hashes, clock, nil
}

// scanned is how many keys one SCAN looks at.
const scanned = 1000

// Texts returns everything that a reader of the server's backup can see: keys, strings,
// entries of lists, names and values of hashes, and members of sets.
func (s *Server) Texts(ctx context.Context) ([]string, error) {
	client := s.client()
	defer client.Close()
	var texts []string
	keys := client.Scan(ctx, 0, "*", scanned).Iterator()
	for keys.Next(ctx) {
		more, err := textsOf(ctx, client, keys.Val())
		if err != nil {
			return nil, fmt.Errorf("read %s of redis-server at %s: %w", keys.Val(), s.addr, err)
		}
		texts = append(append(texts, keys.Val()), more...)
	}
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("read redis-server at %s: %w", s.addr, err)
	}
	return texts, nil
}

func textsOf(ctx context.Context, client *redis.Client, key string) ([]string, error) {
	kind, err := client.Type(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "string":
		text, err := client.Get(ctx, key).Result()
		return []string{text}, err
	case "list":
		return client.LRange(ctx, key, 0, -1).Result()
	case "zset":
		return client.ZRange(ctx, key, 0, -1).Result()
	case "hash":
		fields, err := client.HGetAll(ctx, key).Result()
		var texts []string
		for name, value := range fields {
			texts = append(texts, name, value)
		}
		return texts, err
	case "none": // it has expired
		return nil, nil
	}
	return nil, fmt.Errorf("it is a %s, which CIM does not store", kind)
}
