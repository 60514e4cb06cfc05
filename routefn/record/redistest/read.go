package redistest

import (
	"context"
	"fmt"
	"time"
)

// Hashes returns the hashes whose keys match a pattern, by key, and the server's clock.
// It reads them one by one, so that other callers of the server need not wait.
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
