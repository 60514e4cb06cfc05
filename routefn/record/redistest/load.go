package redistest

import (
	"context"
	"fmt"
)

// loaded is how many commands Load sends at a time.
const loaded = 1000

// Load makes the server execute commands, to fill it with data that another program
// would have written. It stops at the first command that fails.
func (s *Server) Load(ctx context.Context, commands [][]any) error {
	client := s.client()
	defer client.Close()
	for len(commands) > 0 {
		n := min(len(commands), loaded)
		pipe := client.Pipeline()
		for _, c := range commands[:n] {
			pipe.Do(ctx, c...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("load redis-server at %s: %w", s.addr, err)
		}
		commands = commands[n:]
	}
	return nil
}

// Dump returns the contents of the keys that match a pattern, in a form that can be
// compared.
func (s *Server) Dump(ctx context.Context, pattern string) (map[string]string, error) {
	client := s.client()
	defer client.Close()
	dump := make(map[string]string)
	keys := client.Scan(ctx, 0, pattern, scanned).Iterator()
	for keys.Next(ctx) {
		value, err := client.Dump(ctx, keys.Val()).Result()
		if err != nil {
			return nil, fmt.Errorf("read %s of redis-server at %s: %w", keys.Val(), s.addr, err)
		}
		dump[keys.Val()] = value
	}
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("read redis-server at %s: %w", s.addr, err)
	}
	return dump, nil
}
