package record

import (
	"bytes"
	"testing"
)

func TestRoutesOnOneStoreShareTheirKey(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		first, err := s.RouteKey(t.Context())
		if err != nil || len(first) != routeKeyBytes {
			t.Fatalf("key of %d bytes, %v", len(first), err)
		}
		second, err := s.RouteKey(t.Context())
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("the second route has another key, %v", err)
		}
	})
}
