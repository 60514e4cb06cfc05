package ring

import (
	"slices"
	"testing"
)

func TestFirstServiceTokenIsSentAndAllAreAccepted(t *testing.T) {
	old, next := []byte("the key before the change"), []byte("the key after it")
	send, accept := NewKeys(next, old).ServiceTokens()
	if send != ServiceToken(next) || !slices.Equal(accept, []string{ServiceToken(old)}) {
		t.Errorf("%s, %s", send, accept)
	}
	if send, accept := NewKeys().ServiceTokens(); send != ServiceToken(nil) || len(accept) != 0 {
		t.Errorf("without a key: %s, %s", send, accept)
	}
}
