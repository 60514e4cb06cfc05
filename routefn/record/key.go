package record

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// routeKey names the secret that all routes share unless they are told one:
// string cim:{key}, no time to live, written once by the first route, read by
// every route at its start.
const routeKey = "cim:{key}"

// routeKeyBytes is the strength of that secret.
const routeKeyBytes = 32

// RouteKey returns the secret that routes derive their keys from, and makes it if
// the store has none. All routes on one store get the same.
func (s *Store) RouteKey(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, routeKeyBytes)
	rand.Read(fresh) // never fails, see crypto/rand
	set := writeTo(routeKey, []any{"set", routeKey, hex.EncodeToString(fresh), "nx"})
	s.run(ctx, "key", set)
	if set.err != nil {
		return nil, set.err
	}
	values, errs := s.values(ctx, []string{routeKey})
	if errs[0] != nil {
		return nil, errs[0]
	}
	key, err := hex.DecodeString(values[0])
	if err != nil || len(key) != routeKeyBytes {
		return nil, fmt.Errorf("%s does not hold a key", routeKey)
	}
	return key, nil
}
